//! A bank that posts its settlements itself, signed with RFC 9421 and RFC 9530.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    app::World,
    clock,
    courier::{Delivery, Form, Outgoing},
    deeds::{Act, Deed, Fault, Movement, Refusal},
    payos::transfer::typed_memo,
    settings::Settings,
    signing,
};

/// This bank tries five times.
const PAUSES_SECONDS: &[u64] = &[30, 60, 300, 900];

/// The key that the service gave to this bank.
#[derive(Clone)]
pub struct Key {
    id: String,
    secret: Vec<u8>,
}

/// The bank's memory.
pub struct Bank {
    key: Mutex<Option<Arc<Key>>>,
}

impl Bank {
    /// A bank with the key of the settings, if there is one.
    pub fn new(settings: &Settings) -> Result<Self, base64::DecodeError> {
        let bank = Self { key: Mutex::new(None) };
        if let (Some(id), Some(secret)) = (&settings.bank_key_id, &settings.bank_secret) {
            bank.use_key(id, secret.expose())?;
        }
        Ok(bank)
    }

    /// Signs with this key from now on.
    pub fn use_key(&self, id: &str, secret: &str) -> Result<(), base64::DecodeError> {
        let key = Key { id: id.to_owned(), secret: STANDARD.decode(secret)? };
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        Ok(())
    }

    fn key(&self) -> Result<Arc<Key>, Refusal> {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone().ok_or(Refusal::NoKey)
    }
}

/// The three headers of a signed POST.
struct Signature {
    digest: String,
    input: String,
    value: String,
}

fn sign(key: &Key, url: &str, body: &str, idempotency_key: &str, at: (i64, &str)) -> Signature {
    let digest = format!("sha-256=:{}:", STANDARD.encode(signing::sha256(body.as_bytes())));
    let (created, nonce) = at;
    let params = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\" \"idempotency-key\")\
         ;created={created};nonce=\"{nonce}\";keyid=\"{}\";alg=\"hmac-sha256\"",
        key.id
    );
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {url}\n\"content-digest\": {digest}\n\
         \"idempotency-key\": {idempotency_key}\n\"@signature-params\": {params}"
    );
    let tag = STANDARD.encode(signing::hmac_sha256(&key.secret, base.as_bytes()));
    Signature { digest, input: format!("sig1={params}"), value: format!("sig1=:{tag}:") }
}

fn request(key: &Key, url: &str, moved: &Movement, form: Form) -> Outgoing {
    let amount = match (form, moved.amount.parse::<i64>()) {
        (Form::ChangedAmount, Ok(amount)) => (amount + 1_000).to_string(),
        _ => moved.amount.clone(),
    };
    let memo = if form == Form::UnknownOrder { "CHUYEN TIEN" } else { moved.memo.as_str() };
    let body = json!({
        "transaction_id": moved.transaction_id, "account": moved.account,
        "amount": {"amount": amount, "currency": "VND"}, "memo": memo, "value_time": moved.time,
    })
    .to_string();
    // A retry carries a new nonce and the same idempotency key.
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let at = (clock::now().timestamp(), nonce.as_str());
    let mut signed = sign(key, url, &body, &moved.transaction_id, at);
    if form == Form::Tampered {
        let other = Key { id: key.id.clone(), secret: b"another secret".to_vec() };
        signed = sign(&other, url, &body, &moved.transaction_id, at);
    }
    Outgoing {
        method: reqwest::Method::POST,
        url: url.to_owned(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("content-digest", signed.digest),
            ("idempotency-key", moved.transaction_id.clone()),
            ("signature-input", signed.input),
            ("signature", signed.value),
        ],
        body: Some(body),
    }
}

fn accepted(status: u16, _body: &str) -> bool {
    (200..300).contains(&status)
}

/// Somebody transfers into the collecting account.
pub async fn transfer(
    world: &World,
    act: &Act,
    memo: &str,
    owed: Option<i64>,
) -> Result<Deed, Refusal> {
    let key = world.direct.key()?;
    let settings = &world.settings;
    let amount = act.amount.or(owed.map(|owed| act.amount_for(owed)));
    let amount = amount.ok_or(Refusal::AmountMissing)?;
    let mut deed = Deed::new(act, "plain", &settings.direct_partner, String::new(), amount);
    let memo = typed_memo(act, memo);
    for _ in 0..act.outcome.transactions() {
        deed.moved(Movement {
            transaction_id: format!("DB{}", world.numbers.next()),
            amount: amount.to_string(),
            account: settings.direct_account.clone(),
            memo: memo.clone(),
            time: clock::precise(clock::now()),
        });
    }
    world.journal.record(deed.entries()).await?;
    for (at, moved) in deed.transactions.iter().enumerate() {
        let fault = act.fault.filter(|_| at == 0);
        let delivery = delivery(world, act, fault, Arc::clone(&key), moved.clone());
        deed.deliveries.push(world.courier.deliver(delivery));
    }
    Ok(deed)
}

fn delivery(
    world: &World,
    act: &Act,
    fault: Option<Fault>,
    key: Arc<Key>,
    moved: Movement,
) -> Delivery {
    let url = format!("{}/v1/settlements", world.settings.payclear_url.trim_end_matches('/'));
    Delivery {
        channel: "plain",
        partner: world.settings.direct_partner.clone(),
        reference: moved.memo.clone(),
        transaction_id: moved.transaction_id.clone(),
        fault,
        delay_ms: act.delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| request(&key, &url, &moved, form)),
        accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_base_covers_what_the_profile_names() {
        let key = Key { id: "k1".to_owned(), secret: b"secret".to_vec() };
        let signed = sign(&key, "http://h/v1/settlements", "{}", "T1", (7, "n"));
        let base = "\"@method\": POST\n\"@target-uri\": http://h/v1/settlements\n\
            \"content-digest\": sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:\n\
            \"idempotency-key\": T1\n\"@signature-params\": (\"@method\" \"@target-uri\" \
            \"content-digest\" \"idempotency-key\");created=7;nonce=\"n\";keyid=\"k1\";\
            alg=\"hmac-sha256\"";
        let tag = STANDARD.encode(signing::hmac_sha256(b"secret", base.as_bytes()));
        assert_eq!(signed.value, format!("sig1=:{tag}:"));
    }
}
