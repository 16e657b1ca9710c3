//! Statements on lines that go to the Treasury, many at once.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Takes lines of invoices into a run, each by invoice, line and transfer. A line that is in another
/// run is refused by its key.
pub async fn lines_in_payover_insert(
    conn: &mut PgConnection,
    lines: &[(Uuid, i32, Uuid)],
) -> Result<(), sqlx::Error> {
    let invoices: Vec<Uuid> = lines.iter().map(|(invoice, ..)| *invoice).collect();
    let places: Vec<i32> = lines.iter().map(|(_, line, _)| *line).collect();
    let of: Vec<Uuid> = lines.iter().map(|(.., of)| *of).collect();
    sqlx::query!(
        "insert into line_in_payover (invoice_id, line, payover_line_id)
         select * from unnest($1::uuid[], $2::integer[], $3::uuid[])",
        &invoices,
        &places,
        &of
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets the lines of transfers go; with `paid_over` they are marked as paid over. How many.
pub async fn lines_in_payover_end(
    conn: &mut PgConnection,
    transfers: &[Uuid],
    paid_over: Option<(&str, DateTime<Utc>)>,
) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query!(
        "with gone as (
             delete from line_in_payover where payover_line_id = any($1)
             returning invoice_id, line),
         marked as (
             insert into line_paid_over (invoice_id, line, confirmed_by, at)
             select invoice_id, line, $2::text, $3::timestamptz from gone
              where $2::text is not null order by invoice_id, line
             on conflict on constraint line_paid_over_pkey do nothing)
         select invoice_id from gone",
        transfers,
        paid_over.map(|(by, _)| by),
        paid_over.map(|(_, at)| at)
    )
    .fetch_all(conn)
    .await?;
    Ok(ended.len() as u64)
}
