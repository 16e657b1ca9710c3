//! Recomputing the whole ledger from its postings, in one snapshot: nothing is believed.

use rust_decimal::Decimal;
use sqlx::PgConnection;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LedgerReport {
    /// Entries looked at.
    pub entries: i64,
    /// Entries whose lines do not sum to zero.
    pub unbalanced: i64,
    /// Entries with fewer than two lines.
    pub without_lines: i64,
    /// Lines without an entry.
    pub orphans: i64,
    /// Lines in another currency than their entry.
    pub foreign: i64,
    /// Accounts looked at.
    pub accounts: i64,
    /// Accounts whose balance differs from the sum of their postings.
    pub differing: i64,
    /// The sum of all postings.
    pub total: Decimal,
}

impl LedgerReport {
    /// Is everything as it must be?
    pub fn holds(&self) -> bool {
        self.unbalanced == 0
            && self.without_lines == 0
            && self.orphans == 0
            && self.foreign == 0
            && self.differing == 0
            && self.total.is_zero()
    }
}

/// Recomputes everything. `conn` should be in a REPEATABLE READ transaction.
pub async fn ledger(conn: &mut PgConnection) -> Result<LedgerReport, sqlx::Error> {
    let entries = sqlx::query!(
        r#"select count(*) as "entries!",
                  count(*) filter (where total <> 0) as "unbalanced!",
                  count(*) filter (where lines < 2) as "without_lines!",
                  coalesce(sum(total), 0) as "total!"
             from (select e.entry_id, coalesce(sum(p.amount), 0) as total, count(p.line) as lines
                     from ledger.entry e left join ledger.posting p on p.entry_id = e.entry_id
                    group by e.entry_id) t"#
    )
    .fetch_one(&mut *conn)
    .await?;
    let lines = sqlx::query!(
        r#"select count(*) filter (where e.entry_id is null) as "orphans!",
                  count(*) filter (where a.currency is distinct from e.currency) as "foreign!"
             from ledger.posting p
             left join ledger.entry e on e.entry_id = p.entry_id
             left join ledger.account a on a.account_id = p.account_id"#
    )
    .fetch_one(&mut *conn)
    .await?;
    let accounts = sqlx::query!(
        r#"select count(*) as "accounts!",
                  count(*) filter (where b.amount is distinct from coalesce(p.amount, 0)) as "differing!"
             from ledger.balance b
             left join (select account_id, sum(amount) as amount from ledger.posting
                         group by account_id) p on p.account_id = b.account_id"#
    )
    .fetch_one(conn)
    .await?;
    Ok(LedgerReport {
        entries: entries.entries,
        unbalanced: entries.unbalanced,
        without_lines: entries.without_lines,
        orphans: lines.orphans,
        foreign: lines.foreign,
        accounts: accounts.accounts,
        differing: accounts.differing,
        total: entries.total,
    })
}
