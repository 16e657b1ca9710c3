//! SQL on the tables of the registers.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::caller::{Caller, CallerKind, KeyPurpose};
use super::entries::{Agency, Entries, FeeLine, Holiday, Procedure, ReceiptRange, TreasuryAccount};
use crate::vocabulary::money::{Currency, Money};
use crate::{partners, portals};

fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// Every version of every entry.
pub async fn entries(conn: &mut PgConnection) -> Result<Entries, sqlx::Error> {
    let partners = partners::store::partner_list(conn).await?;
    Ok(Entries {
        agencies: agency_list(conn).await?,
        treasury_accounts: treasury_account_list(conn).await?,
        procedures: procedure_list(conn).await?,
        fee_lines: fee_line_list(conn).await?,
        portals: portals::store::portal_list(conn).await?,
        partners: partners.into_iter().map(|row| row.entry).collect(),
        collecting_accounts: partners::store::collecting_account_list(conn).await?,
        receipt_ranges: receipt_range_list(conn).await?,
        holidays: holiday_list(conn).await?,
    })
}

async fn agency_list(conn: &mut PgConnection) -> Result<Vec<Agency>, sqlx::Error> {
    sqlx::query_as!(
        Agency,
        "select code, valid_from, name, name_en, chapter, tax_code, closed from agency"
    )
    .fetch_all(conn)
    .await
}

async fn treasury_account_list(
    conn: &mut PgConnection,
) -> Result<Vec<TreasuryAccount>, sqlx::Error> {
    sqlx::query_as!(
        TreasuryAccount,
        "select agency, number, valid_from, treasury_code, treasury_name, bank_bin, closed
         from treasury_account"
    )
    .fetch_all(conn)
    .await
}

async fn holiday_list(conn: &mut PgConnection) -> Result<Vec<Holiday>, sqlx::Error> {
    sqlx::query_as!(Holiday, "select day, valid_from, name, working, closed from holiday")
        .fetch_all(conn)
        .await
}

async fn procedure_list(conn: &mut PgConnection) -> Result<Vec<Procedure>, sqlx::Error> {
    let rows =
        sqlx::query!("select code, valid_from, name, name_en, notify_at, closed from procedure")
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Procedure {
                code: row.code,
                valid_from: row.valid_from,
                name: row.name,
                name_en: row.name_en,
                notify_at: row.notify_at.parse().map_err(decode)?,
                closed: row.closed,
            })
        })
        .collect()
}

async fn fee_line_list(conn: &mut PgConnection) -> Result<Vec<FeeLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "select procedure, line, valid_from, valid_until, kind, name, name_en, amount, currency,
             chapter, sub_item, beneficiary, legal_basis
         from fee_line"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency: Currency = row.currency.parse().map_err(decode)?;
            Ok(FeeLine {
                procedure: row.procedure,
                line: row.line,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                kind: row.kind.parse().map_err(decode)?,
                name: row.name,
                name_en: row.name_en,
                amount: Money::new(row.amount, currency).map_err(decode)?,
                chapter: row.chapter,
                sub_item: row.sub_item,
                beneficiary: Some(row.beneficiary).filter(|agency| !agency.is_empty()),
                legal_basis: row.legal_basis,
            })
        })
        .collect()
}

async fn receipt_range_list(conn: &mut PgConnection) -> Result<Vec<ReceiptRange>, sqlx::Error> {
    let rows = sqlx::query!(
        "select agency, form, symbol, first_number, last_number, delegate_name, delegate_tax_code,
                delegation, closed from receipt_range"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ReceiptRange {
                agency: row.agency,
                form: row.form.parse().map_err(decode)?,
                symbol: row.symbol,
                first: u32::try_from(row.first_number).map_err(decode)?,
                last: u32::try_from(row.last_number).map_err(decode)?,
                delegate_name: row.delegate_name,
                delegate_tax_code: row.delegate_tax_code,
                delegation: row.delegation,
                closed: row.closed,
            })
        })
        .collect()
}

/// Enters ranges of receipt numbers, or closes them.
pub async fn receipt_range_put(
    conn: &mut PgConnection,
    rows: &[ReceiptRange],
    load: i64,
) -> Result<(), sqlx::Error> {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    sqlx::query!(
        "insert into receipt_range
             (agency, form, symbol, first_number, last_number, delegate_name, delegate_tax_code,
              delegation, closed, load_id)
         select *, $10::bigint from unnest
             ($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[],
              $7::text[], $8::text[], $9::bool[])
         on conflict on constraint receipt_range_pkey do update set
             closed = excluded.closed, load_id = excluded.load_id",
        &column(rows, |row| row.agency.clone()),
        &column(rows, |row| row.form.as_str().to_owned()),
        &column(rows, |row| row.symbol.clone()),
        &column(rows, |row| number(row.first)),
        &column(rows, |row| number(row.last)),
        &column(rows, |row| row.delegate_name.clone()),
        &column(rows, |row| row.delegate_tax_code.clone()),
        &column(rows, |row| row.delegation.clone()),
        &column(rows, |row| row.closed),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens a load; everything that it enters names it.
pub async fn load_insert(
    conn: &mut PgConnection,
    (actor, at): (&str, DateTime<Utc>),
    digest: &[u8],
    row_count: i32,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into register_load (loaded_at, actor, digest, row_count)
         values ($1, $2, $3, $4) returning load_id",
        at,
        actor,
        digest,
        row_count,
    )
    .fetch_one(conn)
    .await
}

/// Lays files aside until somebody has looked at them.
pub async fn waiting_put(
    conn: &mut PgConnection,
    digest: &[u8],
    files: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into register_waiting (digest, files, made_at) values ($1, $2, $3)
         on conflict on constraint register_waiting_pkey do nothing",
        digest,
        files,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes files out again.
pub async fn waiting_take(
    conn: &mut PgConnection,
    digest: &[u8],
) -> Result<Option<serde_json::Value>, sqlx::Error> {
    sqlx::query_scalar!("delete from register_waiting where digest = $1 returning files", digest)
        .fetch_optional(conn)
        .await
}

/// One column of many rows, for `unnest`.
fn column<'a, T, V>(rows: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// Enters versions of agencies, or replaces those that are not in force yet.
pub async fn agency_put(
    conn: &mut PgConnection,
    rows: &[Agency],
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into agency
             (code, valid_from, name, name_en, chapter, tax_code, closed, load_id)
         select *, $8::bigint from unnest
             ($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[])
         on conflict on constraint agency_pkey do update set
             name = excluded.name, name_en = excluded.name_en, chapter = excluded.chapter,
             tax_code = excluded.tax_code, closed = excluded.closed, load_id = excluded.load_id",
        &column(rows, |row| row.code.clone()),
        &column(rows, |row| row.valid_from),
        &column(rows, |row| row.name.clone()),
        &column(rows, |row| row.name_en.clone()),
        &column(rows, |row| row.chapter.clone()),
        &column(rows, |row| row.tax_code.clone()),
        &column(rows, |row| row.closed),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Enters versions of treasury accounts, or replaces those that are not in force yet.
pub async fn treasury_account_put(
    conn: &mut PgConnection,
    rows: &[TreasuryAccount],
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into treasury_account
             (agency, number, valid_from, treasury_code, treasury_name, bank_bin, closed, load_id)
         select *, $8::bigint from unnest
             ($1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::bool[])
         on conflict on constraint treasury_account_pkey do update set
             treasury_code = excluded.treasury_code, treasury_name = excluded.treasury_name,
             bank_bin = excluded.bank_bin, closed = excluded.closed, load_id = excluded.load_id",
        &column(rows, |row| row.agency.clone()),
        &column(rows, |row| row.number.clone()),
        &column(rows, |row| row.valid_from),
        &column(rows, |row| row.treasury_code.clone()),
        &column(rows, |row| row.treasury_name.clone()),
        &column(rows, |row| row.bank_bin.clone()),
        &column(rows, |row| row.closed),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Enters versions of procedures, or replaces those that are not in force yet.
pub async fn procedure_put(
    conn: &mut PgConnection,
    rows: &[Procedure],
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into procedure (code, valid_from, name, name_en, notify_at, closed, load_id)
         select *, $7::bigint from unnest
             ($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::bool[])
         on conflict on constraint procedure_pkey do update set
             name = excluded.name, name_en = excluded.name_en, notify_at = excluded.notify_at,
             closed = excluded.closed, load_id = excluded.load_id",
        &column(rows, |row| row.code.clone()),
        &column(rows, |row| row.valid_from),
        &column(rows, |row| row.name.clone()),
        &column(rows, |row| row.name_en.clone()),
        &column(rows, |row| row.notify_at.as_str().to_owned()),
        &column(rows, |row| row.closed),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Enters versions of days off, or replaces those that are not in force yet.
pub async fn holiday_put(
    conn: &mut PgConnection,
    rows: &[Holiday],
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into holiday (day, valid_from, name, working, closed, load_id)
         select *, $6::bigint from unnest
             ($1::date[], $2::date[], $3::text[], $4::bool[], $5::bool[])
         on conflict on constraint holiday_pkey do update set
             name = excluded.name, working = excluded.working, closed = excluded.closed,
             load_id = excluded.load_id",
        &column(rows, |row| row.day),
        &column(rows, |row| row.valid_from),
        &column(rows, |row| row.name.clone()),
        &column(rows, |row| row.working),
        &column(rows, |row| row.closed),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Enters versions of lines of tariffs, replaces those not in force yet, and ends those that are.
pub async fn fee_line_put(
    conn: &mut PgConnection,
    rows: &[FeeLine],
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into fee_line
             (procedure, line, valid_from, valid_until, kind, name, name_en, amount, currency,
              chapter, sub_item, beneficiary, legal_basis, load_id)
         select *, $14::bigint from unnest
             ($1::text[], $2::smallint[], $3::date[], $4::date[], $5::text[], $6::text[],
              $7::text[], $8::numeric[], $9::text[], $10::text[], $11::text[], $12::text[],
              $13::text[])
         on conflict on constraint fee_line_pkey do update set
             valid_until = excluded.valid_until, kind = excluded.kind, name = excluded.name,
             name_en = excluded.name_en, amount = excluded.amount, currency = excluded.currency,
             chapter = excluded.chapter, sub_item = excluded.sub_item,
             beneficiary = excluded.beneficiary, legal_basis = excluded.legal_basis,
             load_id = excluded.load_id",
        &column(rows, |row| row.procedure.clone()),
        &column(rows, |row| row.line),
        &column(rows, |row| row.valid_from),
        &column(rows, |row| row.valid_until) as &[Option<NaiveDate>],
        &column(rows, |row| row.kind.as_str().to_owned()),
        &column(rows, |row| row.name.clone()),
        &column(rows, |row| row.name_en.clone()),
        &column(rows, |row| row.amount.amount()) as &[Decimal],
        &column(rows, |row| row.amount.currency().as_str().to_owned()),
        &column(rows, |row| row.chapter.clone()),
        &column(rows, |row| row.sub_item.clone()),
        &column(rows, |row| row.beneficiary.clone().unwrap_or_default()),
        &column(rows, |row| row.legal_basis.clone()),
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A living key, its secret sealed.
#[derive(Debug)]
pub struct SealedKey {
    /// The name that signatures give.
    pub key_id: String,
    /// Whose it is.
    pub caller: Caller,
    /// What it may be used for.
    pub purpose: KeyPurpose,
    /// The secret, sealed.
    pub secret: Vec<u8>,
}

/// Every living key of every caller that was approved. The callers' room, which stands above, writes them.
pub async fn living_keys(conn: &mut PgConnection) -> Result<Vec<SealedKey>, sqlx::Error> {
    let rows = sqlx::query!(
        "select key_id, caller_kind, caller, purpose, secret
         from caller_key where revoked_at is null and usable_since is not null"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind: CallerKind = row.caller_kind.parse().map_err(decode)?;
            Ok(SealedKey {
                key_id: row.key_id,
                caller: Caller { kind, code: row.caller },
                purpose: row.purpose.parse().map_err(decode)?,
                secret: row.secret,
            })
        })
        .collect()
}
