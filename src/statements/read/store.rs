//! Statements on what was staged, as matching needs them.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Line, Statement};

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// Statements that are staged and not yet matched, those of accounts last: their lumps are looked for
/// among the batches of reports.
pub async fn statements_waiting(
    conn: &mut PgConnection,
    most: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select statement_id from statement where state = 'staged'
          order by day, kind desc, state_since, statement_id limit $1",
        most
    )
    .fetch_all(conn)
    .await
}

/// One statement.
pub async fn statement_read(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Statement>, sqlx::Error> {
    let row = sqlx::query!(
        "select kind, partner, account, reference, day, currency, lines, supersedes
           from statement where statement_id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Statement {
            id,
            kind: row.kind.parse().map_err(undecodable)?,
            partner: row.partner,
            account: row.account,
            reference: row.reference,
            day: row.day,
            currency: row.currency,
            lines: row.lines,
            supersedes: row.supersedes,
        })
    })
    .transpose()
}

/// The next lines of a statement after a place, in the order of their places.
pub async fn lines_of(
    conn: &mut PgConnection,
    statement: Uuid,
    after: i32,
    most: i64,
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query!(
        "select line_id, place, nature, standing, amount, fee, value_date, transaction_id,
                occurrence, order_reference, batch, memo, counterparty
           from statement_line where statement_id = $1 and place > $2 order by place limit $3",
        statement,
        after,
        most
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Line {
                id: row.line_id,
                statement,
                place: row.place,
                nature: row.nature.parse().map_err(undecodable)?,
                standing: row.standing.parse().map_err(undecodable)?,
                amount: row.amount,
                fee: row.fee,
                value_date: row.value_date,
                transaction_id: row.transaction_id,
                occurrence: row.occurrence,
                order_reference: row.order_reference,
                batch: row.batch,
                memo: row.memo,
                counterparty: row.counterparty,
            })
        })
        .collect()
}

/// Lines by their numbers.
pub async fn lines_read(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query!(
        "select l.line_id, l.statement_id, l.place, l.nature, l.standing, l.amount, l.fee,
                l.value_date, l.transaction_id, l.occurrence, l.order_reference, l.batch, l.memo, l.counterparty
           from unnest($1::bigint[]) k(line_id)
          cross join lateral (
                select * from statement_line l where l.line_id = k.line_id offset 0) l
          order by l.line_id",
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Line {
                id: row.line_id,
                statement: row.statement_id,
                place: row.place,
                nature: row.nature.parse().map_err(undecodable)?,
                standing: row.standing.parse().map_err(undecodable)?,
                amount: row.amount,
                fee: row.fee,
                value_date: row.value_date,
                transaction_id: row.transaction_id,
                occurrence: row.occurrence,
                order_reference: row.order_reference,
                batch: row.batch,
                memo: row.memo,
                counterparty: row.counterparty,
            })
        })
        .collect()
}
