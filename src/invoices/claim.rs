//! One dossier, one fee, one claim: every statement on the table that says so.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::invoice::Invoice;

/// Claims the fees of these invoices, in the order of their keys; returns the ids of those that
/// got theirs. A claim that somebody else has is left alone: losing is an answer, not an error. Of
/// two for one fee the one that came first gets it.
pub async fn claims_insert(
    conn: &mut PgConnection,
    invoices: &[&Invoice],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let portals: Vec<String> = invoices.iter().map(|i| i.portal.clone()).collect();
    let dossiers: Vec<String> = invoices.iter().map(|i| i.dossier.clone()).collect();
    let fees: Vec<String> = invoices.iter().map(|i| i.fee.clone()).collect();
    let ids: Vec<Uuid> = invoices.iter().map(|i| i.id.0).collect();
    let won = sqlx::query_scalar!(
        "insert into claim (portal, dossier, fee, invoice_id)
         select p, d, f, i
           from unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
                with ordinality c(p, d, f, i, place)
          order by p, d, f, place
         on conflict on constraint claim_key do nothing
         returning invoice_id",
        &portals,
        &dossiers,
        &fees,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(won.into_iter().collect())
}

/// Who holds the claims on these fees: the invoice's id for each, where there is one.
pub async fn claims_read(
    conn: &mut PgConnection,
    losers: &[&Invoice],
) -> Result<Vec<(usize, Uuid)>, sqlx::Error> {
    let portals: Vec<String> = losers.iter().map(|i| i.portal.clone()).collect();
    let dossiers: Vec<String> = losers.iter().map(|i| i.dossier.clone()).collect();
    let fees: Vec<String> = losers.iter().map(|i| i.fee.clone()).collect();
    let rows = sqlx::query!(
        r#"select l.place as "place!", c.invoice_id
             from unnest($1::text[], $2::text[], $3::text[]) with ordinality l(p, d, f, place)
            cross join lateral (
                  select * from claim c
                   where c.portal = l.p and c.dossier = l.d and c.fee = l.f offset 0) c"#,
        &portals,
        &dossiers,
        &fees
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|r| Some((usize::try_from(r.place).ok()?.checked_sub(1)?, r.invoice_id)))
        .collect())
}

/// Gives up the claims of invoices that are cancelled or expired: their fees may be issued again.
pub async fn claims_delete(
    conn: &mut PgConnection,
    invoices: &[&Invoice],
) -> Result<(), sqlx::Error> {
    let portals: Vec<String> = invoices.iter().map(|i| i.portal.clone()).collect();
    let dossiers: Vec<String> = invoices.iter().map(|i| i.dossier.clone()).collect();
    let fees: Vec<String> = invoices.iter().map(|i| i.fee.clone()).collect();
    let ids: Vec<Uuid> = invoices.iter().map(|i| i.id.0).collect();
    sqlx::query!(
        "delete from claim c
          using unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) g(p, d, f, i)
          where c.portal = g.p and c.dossier = g.d and c.fee = g.f and c.invoice_id = g.i",
        &portals,
        &dossiers,
        &fees,
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}
