//! Money that is nobody's yet, and whose it is said to be: the accounts that hold it against the cases
//! and invoices that explain it, in one statement, so that both are of one moment.

use rust_decimal::Decimal;
use sqlx::PgConnection;

/// One of the accounts that hold, of one partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// `suspense`, `part_payments_held` or `refund_due`.
    pub kind: String,
    /// Through whom it came.
    pub partner: String,
    /// ISO 4217.
    pub currency: String,
    /// What the account holds, credit positive.
    pub held: Decimal,
    /// What its settlements and invoices explain.
    pub explained: Decimal,
}

impl Holding {
    /// What nothing explains.
    pub fn difference(&self) -> Decimal {
        self.held - self.explained
    }
}

/// All accounts that hold something or should.
pub async fn holdings(conn: &mut PgConnection) -> Result<Vec<Holding>, sqlx::Error> {
    sqlx::query_as!(
        Holding,
        r#"with held as (
                select kind, owner as partner, currency, -amount as held from ledger.balance
                 where kind in ('suspense', 'part_payments_held', 'refund_due')),
                explained as (
                select 'suspense' as kind, s.partner, s.currency, sum(b.amount) as amount
                  from break_case b join settlement s on s.settlement_id = b.settlement_id
                 where b.state not in ('resolved', 'auto_closed')
                   and s.outcome in ('suspense', 'suspected_duplicate')
                   and not exists (select from reversal r where r.settlement_id = s.settlement_id)
                 group by s.partner, s.currency
                union all
                select 'part_payments_held', p.value ->> 'partner', i.currency,
                       sum((p.value -> 'amount' ->> 'amount')::numeric)
                  from invoice i cross join lateral jsonb_array_elements(i.parts) p(value)
                 where i.held > 0
                 group by 2, i.currency
                union all
                select 'refund_due', d.partner, d.currency, sum(d.due - d.gone)
                  from (select s.partner, s.currency,
                               (select -sum(p.amount) from ledger.posting p
                                  join ledger.account a on a.account_id = p.account_id
                                 where p.entry_id = s.entry_id and a.kind = 'refund_due') as due,
                               coalesce((select sum(r.amount) from refund r
                                          where r.settlement_id = s.settlement_id
                                            and r.kind = 'surplus'
                                            and r.status in ('approved', 'sent', 'confirmed')), 0) as gone
                          from settlement s
                         where s.outcome in ('refund_due', 'overpaid')
                           and not exists (select from reversal r
                                            where r.settlement_id = s.settlement_id)) d
                 where d.due is not null
                 group by d.partner, d.currency),
                given_up as (
                select a.owner as partner, a.currency, -sum(p.amount) as amount
                  from ledger.entry e
                  join ledger.posting p on p.entry_id = e.entry_id
                  join ledger.account a on a.account_id = p.account_id
                 where e.act = 'parts_given_up' and a.kind = 'refund_due'
                 group by a.owner, a.currency),
                given_back as (
                select r.partner, r.currency, sum(r.amount) as amount
                  from refund r join settlement s on s.settlement_id = r.settlement_id
                 where r.kind = 'surplus' and s.outcome = 'held'
                   and r.status in ('approved', 'sent', 'confirmed')
                 group by r.partner, r.currency),
                told as (
                select kind, partner, currency, sum(amount) as amount
                  from (select * from explained
                        union all select 'refund_due', partner, currency, amount from given_up
                        union all select 'refund_due', partner, currency, -amount from given_back) t
                 group by kind, partner, currency)
           select coalesce(h.kind, t.kind) as "kind!", coalesce(h.partner, t.partner) as "partner!",
                  coalesce(h.currency, t.currency) as "currency!",
                  coalesce(h.held, 0) as "held!", coalesce(t.amount, 0) as "explained!"
             from held h
             full join told t on t.kind = h.kind and t.partner = h.partner and t.currency = h.currency
            where coalesce(h.held, 0) <> 0 or coalesce(t.amount, 0) <> 0
            order by 1, 2, 3"#
    )
    .fetch_all(conn)
    .await
}
