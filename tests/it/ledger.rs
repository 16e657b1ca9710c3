//! What PostgreSQL itself refuses the application: the ledger's rules do not hang on our code.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Town, text};

const REFUSED: &str = "42501";
const CHECK: &str = "23514";

/// Runs statements in one transaction and gives the SQLSTATE that refused them.
async fn refusal(conn: &mut PgConnection, statements: &str) -> Option<String> {
    let all = format!("begin; {statements}; commit");
    let done = sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut *conn).await;
    let code = done.err().map(|error| {
        let told = error.as_database_error().expect("the server's word");
        told.code().expect("a SQLSTATE").into_owned()
    });
    sqlx::raw_sql("rollback").execute(conn).await.expect("a rollback");
    code
}

/// An entry with lines `(line, account, amount)`, all in one statement.
fn entry(id: i64, lines: &[(i32, i64, &str)]) -> String {
    let rows: Vec<String> = lines
        .iter()
        .map(|(line, account, amount)| format!("({id}, {line}, {account}, {amount})"))
        .collect();
    whole(&head(id), &rows)
}

fn head(id: i64) -> String {
    format!(
        "insert into ledger.entry (entry_id, act, business_day, value_date, currency, source, actor)
         values ({id}, 'settlement', '2026-01-15', '2026-01-15', 'VND', 'test', 'test')"
    )
}

fn postings(rows: &[String]) -> String {
    format!(
        "insert into ledger.posting (entry_id, line, account_id, amount) values {}",
        rows.join(", ")
    )
}

/// An entry and lines in one statement, as the database wants them.
fn whole(head: &str, rows: &[String]) -> String {
    format!("with entered as ({head}) {}", postings(rows))
}

/// A town whose ledger has one settlement, and the numbers of two of its accounts.
async fn town() -> (Town, i64, i64) {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied");
    let accounts: Vec<i64> =
        sqlx::query_scalar("select account_id from ledger.account order by account_id limit 2")
            .fetch_all(&town.pool)
            .await
            .expect("two accounts");
    (town, accounts[0], accounts[1])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_balances_has_two_lines_and_one_currency() {
    let (town, one, two) = town().await;
    let mut conn = town.pool.acquire().await.expect("a connection");
    let foreign: i64 = sqlx::query_scalar(
        "insert into ledger.account (kind, owner, detail, currency)
         values ('suspense', 'test', '', 'USD') returning account_id",
    )
    .fetch_one(&mut *conn)
    .await
    .expect("an account in another currency");
    for (what, statements) in [
        ("unbalanced", entry(900, &[(1, one, "5"), (2, two, "-4")])),
        ("one line", entry(900, &[(1, one, "5")])),
        ("no line", head(900)),
        ("a line of nothing", entry(900, &[(1, one, "5"), (2, two, "-5"), (3, one, "0")])),
        ("another currency", entry(900, &[(1, one, "5"), (2, foreign, "-5")])),
        ("no such account", entry(900, &[(1, one, "5"), (2, 999_999, "-5")])),
        ("a fraction of a fraction", entry(900, &[(1, one, "0.00001"), (2, two, "-0.00001")])),
        ("more than there is", entry(900, &[(1, one, "1e15"), (2, two, "-1e15")])),
        ("no entry", postings(&[format!("(901, 1, {one}, 5)"), format!("(901, 2, {two}, -5)")])),
        (
            "an entry before its lines",
            format!(
                "{}; {}",
                head(900),
                postings(&[format!("(900, 1, {one}, 5)"), format!("(900, 2, {two}, -5)")])
            ),
        ),
        (
            "lines in two statements",
            format!(
                "{}; {}",
                whole(&head(900), &[format!("(900, 1, {one}, 5)")]),
                postings(&[format!("(900, 2, {two}, -5)")])
            ),
        ),
    ] {
        assert_eq!(refusal(&mut conn, &statements).await.as_deref(), Some(CHECK), "{what}");
    }
    let good = entry(900, &[(1, one, "5"), (2, two, "-5")]);
    assert_eq!(refusal(&mut conn, &good).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_committed_gains_no_line() {
    let (town, one, two) = town().await;
    let mut conn = town.pool.acquire().await.expect("a connection");
    let known: i64 = sqlx::query_scalar("select entry_id from ledger.entry")
        .fetch_one(&mut *conn)
        .await
        .expect("an entry");
    let pair = postings(&[format!("({known}, 8, {one}, 5)"), format!("({known}, 9, {two}, -5)")]);
    assert_eq!(refusal(&mut conn, &pair).await.as_deref(), Some(CHECK));

    // The stamp is the database's own, whatever is sent.
    let forged = head(900).replace("actor)", "actor, made_by_tx, made_at)").replace(
        "'test')",
        "'test', (pg_current_xact_id()::text::bigint + 1)::text::xid8, '2020-01-01')",
    );
    let forged = whole(&forged, &[format!("(900, 1, {one}, 5)"), format!("(900, 2, {two}, -5)")]);
    assert_eq!(refusal(&mut conn, &forged).await, None);
    let later = postings(&[format!("(900, 3, {one}, 5)"), format!("(900, 4, {two}, -5)")]);
    assert_eq!(refusal(&mut conn, &later).await.as_deref(), Some(CHECK));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_changes_nothing_that_is_written_for_good() {
    let (town, _, _) = town().await;
    let mut conn = town.pool.acquire().await.expect("a connection");
    for table in [
        "ledger.account",
        "ledger.entry",
        "ledger.posting",
        "ledger.closed_day",
        "ledger.balance_snapshot",
        "event",
        "event_batch",
        "settlement",
        "reversal",
        "audit",
    ] {
        let column: String = sqlx::query_scalar(
            "select attname::text from pg_attribute
              where attrelid = $1::text::regclass and attnum > 0 and attidentity = ''
              order by attnum limit 1",
        )
        .bind(table)
        .fetch_one(&mut *conn)
        .await
        .expect("a column");
        for statement in [
            format!("update {table} set {column} = {column}"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("alter table {table} disable trigger all"),
            format!("drop table {table}"),
            "set session_replication_role = replica".to_owned(),
            "set role payclear_owner".to_owned(),
        ] {
            let code = refusal(&mut conn, &statement).await;
            assert_eq!(code.as_deref(), Some(REFUSED), "{statement}");
        }
    }
    for statement in [
        "update invoice set amount = 1",
        "update invoice set code = code",
        "delete from invoice",
        "update attempt set amount = 1",
        "update break_case set amount = 1",
        "create table mine (a int)",
        "alter function ledger.entry_stamp() rename to mine",
    ] {
        let code = refusal(&mut conn, statement).await;
        assert_eq!(code.as_deref(), Some(REFUSED), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_closed_day_is_booked_on_the_next_open_one() {
    let (town, one, two) = town().await;
    let mut conn = town.pool.acquire().await.expect("a connection");
    let closing = "insert into ledger.closed_day (day, closed_at, closed_by)
         values ('2026-01-15', now(), 'test'), ('2026-01-16', now(), 'test')";
    // Nobody closes a day that was not prepared and approved.
    assert_eq!(refusal(&mut conn, closing).await.as_deref(), Some(CHECK));
    let unguarded = format!(
        "alter table ledger.closed_day disable trigger closed_day_guard; {closing};
         alter table ledger.closed_day enable trigger closed_day_guard"
    );
    town.as_owner(&unguarded).await.expect("two closed days");

    let late = entry(900, &[(1, one, "5"), (2, two, "-5")]);
    assert_eq!(refusal(&mut conn, &late).await, None);

    let day: String =
        sqlx::query_scalar("select business_day::text from ledger.entry where entry_id = 900")
            .fetch_one(&mut *conn)
            .await
            .expect("the entry's day");
    assert_eq!(day, "2026-01-17");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_balances_changes_no_balance() {
    let (town, _, _) = town().await;
    let before = town.balances().await;
    let mut conn = town.pool.acquire().await.expect("a connection");
    payclear::ledger::store::snapshot_balances(&mut conn).await.expect("a snapshot");
    drop(conn);
    assert_eq!(town.balances().await, before);
    assert_eq!(town.settle("T2", 7_000, "nobody").await, "suspense");
    let after = town.balances().await;
    assert_eq!(after["partner_receivable directbank"], 107_000);
    assert_eq!(after["suspense directbank"], -7_000);
}
