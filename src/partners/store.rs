//! SQL on `partner` and `collecting_account`.

pub mod certifications;

use sqlx::PgConnection;

use super::{CollectingAccount, PartnerEntry};
use crate::vocabulary::network::Network;
use crate::vocabulary::origin::Origin;

/// A partner with its dialect's settings, sealed.
#[derive(Debug)]
pub struct PartnerRow {
    /// What the registers say.
    pub entry: PartnerEntry,
    /// The dialect's settings, sealed.
    pub settings: Option<Vec<u8>>,
}

/// Every partner, open or not, by code.
pub async fn partner_list(conn: &mut PgConnection) -> Result<Vec<PartnerRow>, sqlx::Error> {
    let rows = sqlx::query!(
        "select code, name, name_en, dialect, calls_per_second, open, seen_as, called_from, settings
         from partner order by code"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PartnerRow {
                entry: PartnerEntry {
                    code: row.code,
                    name: row.name,
                    name_en: row.name_en,
                    dialect: row.dialect,
                    calls_per_second: row.calls_per_second.unsigned_abs(),
                    open: row.open,
                    seen_as: row.seen_as.into_iter().map(Origin::from_register).collect(),
                    // What is not readable any more must not become "anywhere".
                    called_from: networks(&row.called_from)?,
                },
                settings: row.settings,
            })
        })
        .collect()
}

fn networks(texts: &[String]) -> Result<Vec<Network>, sqlx::Error> {
    let read = texts.iter().map(|text| text.parse());
    read.collect::<Result<_, _>>().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The dialect that a partner speaks, when there is such a partner.
pub async fn partner_dialect(
    conn: &mut PgConnection,
    code: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("select dialect from partner where code = $1", code)
        .fetch_optional(conn)
        .await
}

/// Enters a partner, or brings it up to date; its settings stay.
pub async fn partner_put(
    conn: &mut PgConnection,
    partner: &PartnerEntry,
    load: i64,
) -> Result<(), sqlx::Error> {
    let seen_as: Vec<String> =
        partner.seen_as.iter().map(|origin| origin.as_str().to_owned()).collect();
    let called_from: Vec<String> = partner.called_from.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into partner
             (code, name, name_en, dialect, calls_per_second, open, seen_as, called_from, load_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint partner_pkey do update set
             name = excluded.name, name_en = excluded.name_en, dialect = excluded.dialect,
             calls_per_second = excluded.calls_per_second, open = excluded.open,
             seen_as = excluded.seen_as, called_from = excluded.called_from,
             load_id = excluded.load_id",
        partner.code,
        partner.name,
        partner.name_en,
        partner.dialect,
        partner.calls_per_second.cast_signed(),
        partner.open,
        &seen_as,
        &called_from,
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The sealed settings that wait to be approved, the partner's row locked.
pub async fn partner_next_settings(
    conn: &mut PgConnection,
    code: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row =
        sqlx::query_scalar!("select next_settings from partner where code = $1 for update", code)
            .fetch_optional(conn)
            .await?;
    Ok(row.flatten())
}

/// Puts sealed settings beside those in force, or takes them away again.
pub async fn partner_next_settings_put(
    conn: &mut PgConnection,
    code: &str,
    sealed: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update partner set next_settings = $2 where code = $1", code, sealed)
        .execute(conn)
        .await?;
    Ok(())
}

/// Puts the waiting settings in force; `false` when none wait.
pub async fn partner_next_settings_take(
    conn: &mut PgConnection,
    code: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update partner set settings = next_settings, next_settings = null
          where code = $1 and next_settings is not null",
        code
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every version of every collecting account.
pub async fn collecting_account_list(
    conn: &mut PgConnection,
) -> Result<Vec<CollectingAccount>, sqlx::Error> {
    let rows = sqlx::query!(
        "select partner, number, valid_from, bin, holder, agency, settling_source, closed
         from collecting_account"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CollectingAccount {
                partner: row.partner,
                number: row.number,
                valid_from: row.valid_from,
                bin: row.bin,
                holder: row.holder,
                agency: Some(row.agency).filter(|agency| !agency.is_empty()),
                settling_source: row
                    .settling_source
                    .parse()
                    .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                closed: row.closed,
            })
        })
        .collect()
}

/// Enters a version of an account, or replaces one that is not in force yet.
pub async fn collecting_account_put(
    conn: &mut PgConnection,
    account: &CollectingAccount,
    load: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into collecting_account
             (partner, number, valid_from, bin, holder, agency, settling_source, closed, load_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint collecting_account_pkey do update set
             bin = excluded.bin, holder = excluded.holder, agency = excluded.agency,
             settling_source = excluded.settling_source, closed = excluded.closed,
             load_id = excluded.load_id",
        account.partner,
        account.number,
        account.valid_from,
        account.bin,
        account.holder,
        account.agency.as_deref().unwrap_or_default(),
        account.settling_source.as_str(),
        account.closed,
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}
