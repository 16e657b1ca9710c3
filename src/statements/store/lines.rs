//! Lines: put in by the thousand, read by place.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::statements::model::Line;

/// Lines of one statement, column by column as the database takes them.
#[derive(Debug, Default)]
pub struct Chunk {
    statements: Vec<Uuid>,
    places: Vec<i32>,
    natures: Vec<&'static str>,
    standings: Vec<&'static str>,
    amounts: Vec<Decimal>,
    fees: Vec<Decimal>,
    dates: Vec<NaiveDate>,
    transactions: Vec<String>,
    occurrences: Vec<i32>,
    orders: Vec<String>,
    batches: Vec<String>,
    memos: Vec<String>,
    counterparties: Vec<String>,
}

impl Chunk {
    /// Adds a line at its place; which it is of those that say the very same.
    pub fn push(&mut self, statement: Uuid, (place, occurrence): (i32, i32), line: Line) {
        self.statements.push(statement);
        self.places.push(place);
        self.natures.push(line.nature.as_str());
        self.standings.push(line.standing.as_str());
        self.amounts.push(line.amount);
        self.fees.push(line.fee);
        self.dates.push(line.value_date);
        self.transactions.push(line.transaction_id);
        self.occurrences.push(occurrence);
        self.orders.push(line.order_reference);
        self.batches.push(line.batch);
        self.memos.push(line.memo);
        self.counterparties.push(line.counterparty);
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Puts lines in.
pub async fn lines_insert(conn: &mut PgConnection, chunk: &Chunk) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into statement_line (statement_id, place, nature, standing, amount, fee, value_date,
                                     transaction_id, occurrence, order_reference, batch, memo,
                                     counterparty)
         select * from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::numeric[],
                              $6::numeric[], $7::date[], $8::text[], $9::integer[], $10::text[],
                              $11::text[], $12::text[], $13::text[])",
        &chunk.statements,
        &chunk.places,
        &chunk.natures as &[&str],
        &chunk.standings as &[&str],
        &chunk.amounts,
        &chunk.fees,
        &chunk.dates,
        &chunk.transactions,
        &chunk.occurrences,
        &chunk.orders,
        &chunk.batches,
        &chunk.memos,
        &chunk.counterparties,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The last place of a statement whose line is there; 0 when none is.
pub async fn lines_last(conn: &mut PgConnection, statement: Uuid) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(max(place), 0) as "last!" from statement_line where statement_id = $1"#,
        statement
    )
    .fetch_one(conn)
    .await
}
