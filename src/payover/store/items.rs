//! Statements on what a transfer is made of.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::vocabulary::ids::{PayoverId, PayoverLineId};

/// One line of an invoice in a transfer.
#[derive(Debug)]
pub struct ItemRow {
    /// The invoice.
    pub invoice_id: Uuid,
    /// Its code.
    pub code: String,
    /// The dossier.
    pub dossier: String,
    /// The line of the invoice, from 1.
    pub line: i32,
    /// In which cycle of the invoice it was paid.
    pub cycle: i32,
    /// How much of it goes over.
    pub amount: Decimal,
}

/// Whose money a transfer of a run is, and its currency; none when the run has no such transfer.
pub async fn transfer_agency(
    conn: &mut PgConnection,
    (run, transfer): (PayoverId, PayoverLineId),
) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query!(
        "select l.agency, p.currency
           from payover_line l join payover p on p.payover_id = l.payover_id
          where l.payover_line_id = $2 and l.payover_id = $1",
        run.0,
        transfer.0
    )
    .map(|row| (row.agency, row.currency))
    .fetch_optional(conn)
    .await
}

/// What a transfer is made of, in the order of its invoices, after one of them.
pub async fn items(
    conn: &mut PgConnection,
    transfer: PayoverLineId,
    after: Option<(Uuid, i32)>,
    limit: i64,
) -> Result<Vec<ItemRow>, sqlx::Error> {
    let (invoice, line) = after.unzip();
    sqlx::query_as!(
        ItemRow,
        "select i.invoice_id, v.code, v.dossier, i.line, i.cycle, i.amount
           from (select invoice_id, line, cycle, amount from payover_item
                  where payover_line_id = $1
                    and ($2::uuid is null or (invoice_id, line) > ($2, $3::integer))
                  order by invoice_id, line limit $4) i
          cross join lateral (select code, dossier from invoice
                               where invoice_id = i.invoice_id offset 0) v
          order by i.invoice_id, i.line",
        transfer.0,
        invoice,
        line,
        limit
    )
    .fetch_all(conn)
    .await
}
