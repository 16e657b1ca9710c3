//! What can be paid over: lines of invoices that are paid, seen in the bank, and not yet paid over.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// What is left to be paid over of one line of one invoice.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The invoice.
    pub invoice: Uuid,
    /// The cycle that was paid.
    pub cycle: i32,
    /// The line, from 1.
    pub line: i32,
    /// Through whom the money came to the account.
    pub partner: String,
    /// Whose money.
    pub agency: String,
    /// Budget chapter.
    pub chapter: String,
    /// Budget sub-item.
    pub sub_item: String,
    /// The business day on which it was collected.
    pub day: NaiveDate,
    /// Its currency.
    pub currency: String,
    /// The line, less what was given back and what was paid over of it.
    pub left: Decimal,
}

/// Invoices with money on a bank account, of days up to one, that was seen there since an instant.
pub async fn invoices_banked(
    conn: &mut PgConnection,
    (account, currency): (&str, &str),
    until: NaiveDate,
    since: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select s.invoice_id as "invoice!"
             from settlement_banked b
             join lateral (
                  select t.invoice_id, t.applied_cycle, t.entry_id from settlement t
                   where t.settlement_id = b.settlement_id and t.currency = $2 offset 0) s
                  on s.applied_cycle is not null
             join lateral (
                  select from ledger.posting p join ledger.account a on a.account_id = p.account_id
                   where p.entry_id = b.entry_id and a.kind = 'bank_account' and a.detail = $1
                   limit 1) seen on true
             join lateral (
                  select from ledger.entry e
                   where e.entry_id = s.entry_id and e.business_day <= $3 offset 0) e on true
            where b.at >= $4
              and exists (
                  select from invoice i
                  cross join lateral generate_series(1, jsonb_array_length(i.lines)) l(line)
                   where i.invoice_id = s.invoice_id and i.status = 'paid'
                     and not exists (select from line_in_payover g
                                      where g.invoice_id = i.invoice_id and g.line = l.line)
                     and not exists (select from line_paid_over o
                                      where o.invoice_id = i.invoice_id and o.line = l.line
                                        and i.refunding = 0))
            order by b.at limit $5"#,
        account,
        currency,
        until,
        since,
        most
    )
    .fetch_all(conn)
    .await
}

/// Holds invoices until the transaction ends, in the order of their ids: what is asked back of them
/// waits, or came before.
pub async fn invoices_hold(conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "held!"
             from (select from invoice where invoice_id = any($1)
                    order by invoice_id for no key update) l"#,
        ids
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// What is left of the lines of invoices that are held. Left out are invoices that are not paid, of
/// which a part is not seen in the bank, whose money was taken back, or of which somebody asks
/// something back that nobody has decided on.
pub async fn candidates(
    conn: &mut PgConnection,
    (account, currency): (&str, &str),
    until: NaiveDate,
    invoices: &[Uuid],
) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as!(
        Candidate,
        r#"select i.invoice_id as "invoice!", i.cycle as "cycle!", l.line::integer as "line!",
                  b.partner as "partner!",
                  l.value ->> 'beneficiary' as "agency!", l.value ->> 'chapter' as "chapter!",
                  l.value ->> 'sub_item' as "sub_item!", e.business_day as "day!",
                  i.currency as "currency!", rest.left as "left!"
             from unnest($4::uuid[]) wanted(id)
             join lateral (
                  select v.invoice_id, v.cycle, v.lines, v.currency from invoice v
                   where v.invoice_id = wanted.id and v.status = 'paid' and v.currency = $2
                  offset 0) i on true
             join lateral (
                  select t.settlement_id, t.entry_id from settlement t
                   where t.invoice_id = i.invoice_id and t.applied_cycle = i.cycle offset 0) s on true
             join lateral (
                  select a.owner as partner
                    from settlement_banked k
                    join ledger.posting p on p.entry_id = k.entry_id
                    join ledger.account a on a.account_id = p.account_id
                   where k.settlement_id = s.settlement_id and a.kind = 'bank_account'
                     and a.detail = $1 limit 1) b on true
             join lateral (
                  select d.business_day from ledger.entry d
                   where d.entry_id = s.entry_id and d.business_day <= $3 offset 0) e on true
            cross join lateral jsonb_array_elements(i.lines) with ordinality l(value, line)
            cross join lateral (
                  select (l.value -> 'amount' ->> 'amount')::numeric
                         - coalesce((select sum((h.value -> 'amount' ->> 'amount')::numeric)
                                       from refund r
                                      cross join lateral jsonb_array_elements(r.shares) h(value)
                                      where r.invoice_id = i.invoice_id and r.cycle = i.cycle
                                        and r.kind = 'paid'
                                        and r.status in ('approved', 'sent', 'confirmed')
                                        and (h.value ->> 'line')::integer = l.line), 0)
                         - coalesce((select sum(o.amount) from payover_item o
                                       join payover_line q on q.payover_line_id = o.payover_line_id
                                       join payover z on z.payover_id = q.payover_id
                                      where o.invoice_id = i.invoice_id and o.line = l.line
                                        and q.status <> 'failed' and z.status <> 'refused'), 0)
                         as left) rest
            where rest.left > 0
              and not exists (select from reversal v where v.settlement_id = s.settlement_id)
              and not exists (select from refund r
                               where r.invoice_id = i.invoice_id and r.kind = 'paid'
                                 and r.status = 'requested')
              and not exists (select from settlement h
                               where h.invoice_id = i.invoice_id and h.outcome = 'held'
                                 and not exists (select from reversal v
                                                  where v.settlement_id = h.settlement_id)
                                 and not exists (select from settlement_banked k
                                                  where k.settlement_id = h.settlement_id))
              and not exists (select from line_in_payover g
                               where g.invoice_id = i.invoice_id and g.line = l.line)
              -- Marked by an officer, without a run: all of it.
              and not exists (select from line_paid_over o
                               where o.invoice_id = i.invoice_id and o.line = l.line
                                 and not exists (select from payover_item x
                                                  where x.invoice_id = o.invoice_id
                                                    and x.line = o.line))
            order by 5, 4, 6, 7, 8, 1, 3"#,
        account,
        currency,
        until,
        invoices
    )
    .fetch_all(conn)
    .await
}

/// How many of a run's parts are not as they were when it was prepared: their invoice is not paid any
/// more or in another cycle, its money was taken back, or is not seen in the bank any more.
pub async fn items_changed(conn: &mut PgConnection, run: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "changed!"
             from payover_line q
             join payover_item o on o.payover_line_id = q.payover_line_id
            where q.payover_id = $1
              and not exists (
                  select from invoice i
                    join settlement s on s.invoice_id = i.invoice_id and s.applied_cycle = i.cycle
                    join settlement_banked k on k.settlement_id = s.settlement_id
                   where i.invoice_id = o.invoice_id and i.status = 'paid' and i.cycle = o.cycle
                     and not exists (select from reversal v where v.settlement_id = s.settlement_id))"#,
        run
    )
    .fetch_one(conn)
    .await
}

/// What other runs that were released and have not ended take out of a bank account.
pub async fn under_way(
    conn: &mut PgConnection,
    account: &str,
    but: Uuid,
) -> Result<Decimal, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(l.amount), 0) as "amount!"
             from payover p join payover_line l on l.payover_id = p.payover_id
            where p.account = $1 and p.payover_id <> $2 and p.status in ('approved', 'sent')
              and l.status in ('waiting', 'sent')"#,
        account,
        but
    )
    .fetch_one(conn)
    .await
}
