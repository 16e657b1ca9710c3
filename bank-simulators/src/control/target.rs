//! Which bank an order belongs to: a payment address, a QR payload, an invoice code.

use crate::{
    app::World,
    deeds::{Act, Deed, Outcome, Refusal},
    directbank, momo,
    payos::{orders::invoice_codes, transfer},
    sepay, vietqr, vnpay, zalopay,
};

/// Finds the bank and lets the payer act there.
pub async fn act(world: &World, act: &Act) -> Result<Deed, Refusal> {
    let order = act.order.trim();
    if order.starts_with("http://") || order.starts_with("https://") {
        return at_address(world, act, order).await;
    }
    if order.starts_with("000201") {
        return scanned(world, act, order).await;
    }
    let code = order.to_uppercase();
    if code.len() == 16 && invoice_codes(&code).len() == 1 {
        return by_code(world, act, &code).await;
    }
    let number = world.payos.book().number_of(order);
    if let Some(number) = number {
        return transfer::for_order(world, act, number).await;
    }
    if world.momo.book().get(order).is_some() {
        return momo::pay::act(world, act, order).await;
    }
    if world.zalopay.book().get(order).is_some() {
        return zalopay::pay::act(world, act, order).await;
    }
    let key = world.vnpay.book().key_of(order);
    match key {
        Some(key) => vnpay::pay::act(world, act, &key).await,
        None => Err(unknown(act)),
    }
}

fn unknown(act: &Act) -> Refusal {
    Refusal::Unknown(act.order.clone())
}

/// A payment address of the gateway is verified as its page would; other pages are looked up.
async fn at_address(world: &World, act: &Act, address: &str) -> Result<Deed, Refusal> {
    let url = url::Url::parse(address).map_err(|_| unknown(act))?;
    if url.path().ends_with("/paymentv2/vpcpay.html") {
        // The query exactly as it was written: a parser may escape it anew.
        let query = address.split_once('?').map_or("", |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let key = vnpay::request::register(world, query)?;
        return vnpay::pay::act(world, act, &key).await;
    }
    if let Some(id) = url.path().strip_prefix("/momo/web/") {
        return momo::pay::act(world, act, id).await;
    }
    if let Some(reference) = url.path().strip_prefix("/zalopay/web/") {
        return zalopay::pay::act(world, act, reference).await;
    }
    let link = url.path().strip_prefix("/payos/web/").ok_or_else(|| unknown(act))?;
    let number = world.payos.book().number_of(link).ok_or_else(|| unknown(act))?;
    transfer::for_order(world, act, number).await
}

/// A scanned code: its account decides the bank.
async fn scanned(world: &World, act: &Act, payload: &str) -> Result<Deed, Refusal> {
    let asked = vietqr::decode(payload)?;
    let settings = &world.settings;
    let memo = asked.purpose.as_deref().unwrap_or_default();
    if asked.bin == settings.direct_bin && asked.account == settings.direct_account {
        return directbank::transfer(world, act, memo, asked.amount).await;
    }
    if asked.bin == settings.sepay_bin && asked.account == settings.sepay_account {
        return sepay::transfer(world, act, memo, asked.amount).await;
    }
    if asked.bin == settings.payos_bin && asked.account == settings.payos_account {
        return transfer::for_account(world, act, memo, asked.amount).await;
    }
    let number = world.payos.book().number_of_account(&asked.account);
    match number {
        // Without a reference the money reaches the main account only.
        Some(_) if act.outcome == Outcome::UnknownReference => {
            transfer::for_account(world, act, memo, asked.amount).await
        }
        Some(number) if asked.bin == settings.payos_bin => {
            transfer::for_order(world, act, number).await
        }
        _ => Err(unknown(act)),
    }
}

/// A payer who types the code: into the virtual account of its payment request, or by hand into
/// the main account, which is also where a mangled or missing memo matters.
async fn by_code(world: &World, act: &Act, code: &str) -> Result<Deed, Refusal> {
    let found = {
        let book = world.payos.book();
        let number = book.number_of_code(code);
        number.and_then(|number| book.get(number).map(|order| (number, order.amount)))
    };
    let by_hand = matches!(act.outcome, Outcome::MangledMemo | Outcome::UnknownReference);
    match found {
        Some((number, _)) if !by_hand => transfer::for_order(world, act, number).await,
        _ => transfer::for_account(world, act, code, found.map(|(_, amount)| amount)).await,
    }
}
