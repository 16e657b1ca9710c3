//! How far matching has come: statements, their entries, batches, lines that are open.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// How far a statement is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// undoing, lines, done, undone.
    pub phase: String,
    /// The last place that was looked at.
    pub upto: i32,
}

/// Begins with a statement, or finds how far it is. The row is locked: one runner works on it.
pub async fn matching_begin(
    conn: &mut PgConnection,
    statement: Uuid,
    undoing: bool,
    version: i16,
    now: DateTime<Utc>,
) -> Result<Progress, sqlx::Error> {
    sqlx::query!(
        "insert into matching (statement_id, phase, rule_version, started_at)
         values ($1, $2, $3, $4) on conflict on constraint matching_pkey do nothing",
        statement,
        if undoing { "undoing" } else { "lines" },
        version,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_as!(
        Progress,
        "select phase, upto from matching where statement_id = $1 for no key update",
        statement
    )
    .fetch_one(conn)
    .await
}

/// What a chunk came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Matched.
    pub matched: i64,
    /// Suggested.
    pub suggested: i64,
    /// Open.
    pub open: i64,
    /// Left out.
    pub kept: i64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            suggested: self.suggested + other.suggested,
            open: self.open + other.open,
            kept: self.kept + other.kept,
        }
    }
}

/// Moves a statement on, guarded by where it stood.
pub async fn matching_step(
    conn: &mut PgConnection,
    statement: Uuid,
    (from, upto): (i32, i32),
    tally: Tally,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update matching set upto = $3, matched = matched + $4, suggested = suggested + $5,
                open = open + $6, kept = kept + $7
          where statement_id = $1 and upto = $2 and phase = 'lines'",
        statement,
        from,
        upto,
        tally.matched,
        tally.suggested,
        tally.open,
        tally.kept
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Corrects what a statement came to, after its lines were looked at once more.
pub async fn matching_tally(
    conn: &mut PgConnection,
    statement: Uuid,
    tally: Tally,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update matching set matched = matched + $2, suggested = suggested + $3, open = open + $4,
                kept = kept + $5
          where statement_id = $1",
        statement,
        tally.matched,
        tally.suggested,
        tally.open,
        tally.kept
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves the taking back of an earlier issue on.
pub async fn matching_undoing(
    conn: &mut PgConnection,
    statement: Uuid,
    upto: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update matching set upto = $2 where statement_id = $1 and phase = 'undoing'",
        statement,
        upto
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves a statement to another phase; its lines are looked at from the first.
pub async fn matching_phase(
    conn: &mut PgConnection,
    statement: Uuid,
    phase: &str,
    finished: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update matching set phase = $2, finished_at = $3,
                upto = case when $2 = 'lines' then 0 else upto end
          where statement_id = $1",
        statement,
        phase,
        finished
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps which entries book a statement.
pub async fn matching_entries_insert(
    conn: &mut PgConnection,
    statement: Uuid,
    entries: &[i64],
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into matching_entry (entry_id, statement_id)
         select id, $2 from unnest($1::bigint[]) id",
        entries,
        statement
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Entries of a statement that nobody has taken back, the first so many.
pub async fn matching_entries_standing(
    conn: &mut PgConnection,
    statement: Uuid,
    most: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "select m.entry_id from matching_entry m
          where m.statement_id = $1
            and not exists (select from ledger.entry e where e.reverses = m.entry_id)
          order by m.entry_id limit $2",
        statement,
        most
    )
    .fetch_all(conn)
    .await
}

/// What lines of a chunk add to a batch.
#[derive(Debug, Clone)]
pub struct BatchSum {
    /// Its name.
    pub batch: String,
    /// How many booked lines.
    pub lines: i64,
    /// Signed.
    pub gross: Decimal,
    /// Stated.
    pub fee: Decimal,
    /// By contract.
    pub contract_fee: Decimal,
    /// The first value date.
    pub value_date: NaiveDate,
    /// The first place.
    pub first_place: i32,
    /// The last place.
    pub last_place: i32,
}

/// Adds a chunk's lines to the batches of their report.
pub async fn batches_add(
    conn: &mut PgConnection,
    statement: Uuid,
    (partner, account, currency, day): (&str, &str, &str, NaiveDate),
    sums: &[BatchSum],
) -> Result<(), sqlx::Error> {
    if sums.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = sums.iter().map(|s| s.batch.clone()).collect();
    let lines: Vec<i64> = sums.iter().map(|s| s.lines).collect();
    let gross: Vec<Decimal> = sums.iter().map(|s| s.gross).collect();
    let fees: Vec<Decimal> = sums.iter().map(|s| s.fee).collect();
    let contract: Vec<Decimal> = sums.iter().map(|s| s.contract_fee).collect();
    let dates: Vec<NaiveDate> = sums.iter().map(|s| s.value_date).collect();
    let firsts: Vec<i32> = sums.iter().map(|s| s.first_place).collect();
    let places: Vec<i32> = sums.iter().map(|s| s.last_place).collect();
    sqlx::query!(
        "insert into report_batch as b (statement_id, batch, partner, account, currency, day,
                value_date, lines, gross, fee, contract_fee, first_place, last_place)
         select $1, k.batch, $2, $3, $4, $5, k.value_date, k.lines, k.gross, k.fee, k.contract_fee,
                k.first_place, k.last_place
           from unnest($6::text[], $7::bigint[], $8::numeric[], $9::numeric[], $10::numeric[],
                       $11::date[], $12::integer[], $13::integer[])
                k(batch, lines, gross, fee, contract_fee, value_date, first_place, last_place)
         on conflict on constraint report_batch_pkey do update
            set lines = b.lines + excluded.lines, gross = b.gross + excluded.gross,
                fee = b.fee + excluded.fee, contract_fee = b.contract_fee + excluded.contract_fee,
                value_date = least(b.value_date, excluded.value_date),
                last_place = greatest(b.last_place, excluded.last_place)",
        statement,
        partner,
        account,
        currency,
        day,
        &names,
        &lines,
        &gross,
        &fees,
        &contract,
        &dates,
        &firsts,
        &places
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A batch.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// Its report.
    pub statement: Uuid,
    /// Its name.
    pub batch: String,
    /// Whose.
    pub partner: String,
    /// Collected on.
    pub account: String,
    /// Its currency.
    pub currency: String,
    /// Its first line.
    pub first_place: i32,
    /// Its last line.
    pub last_place: i32,
    /// open, funded, banked, undone.
    pub state: String,
    /// The settlements of its lines are banked up to here.
    pub banked_upto: i32,
    /// The entry of its money.
    pub entry: Option<i64>,
    /// The match of its money.
    pub by_match: Option<Uuid>,
    /// Gross less stated fees.
    pub net: Decimal,
    /// Stated fees; when there are none, those of the contract are what was kept.
    pub fee: Decimal,
    /// The case that its money has not come in time.
    pub case: Option<Uuid>,
}

/// Locks one batch and reads it.
pub async fn batch_lock(
    conn: &mut PgConnection,
    statement: Uuid,
    batch: &str,
) -> Result<Option<BatchRow>, sqlx::Error> {
    sqlx::query_as!(
        BatchRow,
        r#"select statement_id as statement, batch, partner, account, currency, first_place, last_place,
                  state,
                  banked_upto, entry_id as entry, match_id as by_match, gross - fee as "net!", fee,
                  break_id as "case"
             from report_batch where statement_id = $1 and batch = $2 for no key update"#,
        statement,
        batch
    )
    .fetch_optional(conn)
    .await
}

/// A batch whose money was seen and whose settlements are not all banked.
pub async fn batch_funded_next(
    conn: &mut PgConnection,
) -> Result<Option<(Uuid, String)>, sqlx::Error> {
    sqlx::query!(
        "select statement_id, batch from report_batch where state = 'funded'
          order by statement_id, batch limit 1"
    )
    .map(|row| (row.statement_id, row.batch))
    .fetch_optional(conn)
    .await
}

/// Named batches of a partner whose money is still awaited, of value dates up to one, without a case;
/// locked.
pub async fn batches_due(
    conn: &mut PgConnection,
    partner: &str,
    until: NaiveDate,
    most: i64,
) -> Result<Vec<BatchRow>, sqlx::Error> {
    sqlx::query_as!(
        BatchRow,
        r#"select statement_id as statement, batch, partner, account, currency, first_place, last_place,
                  state, banked_upto, entry_id as entry, match_id as by_match, gross - fee as "net!",
                  fee, break_id as "case"
             from report_batch
            where partner = $1 and value_date <= $2 and state = 'open' and break_id is null
              and batch <> '' and gross - fee > 0
            order by value_date, statement_id, batch limit $3 for no key update skip locked"#,
        partner,
        until,
        most
    )
    .fetch_all(conn)
    .await
}

/// Notes the case that the money of a batch has not come in time.
pub async fn batch_case(
    conn: &mut PgConnection,
    (statement, batch): (Uuid, &str),
    case: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update report_batch set break_id = $3 where statement_id = $1 and batch = $2",
        statement,
        batch,
        case
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The money of a batch was seen.
pub async fn batch_funded(
    conn: &mut PgConnection,
    (statement, batch): (Uuid, &str),
    by_match: Uuid,
    entry: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update report_batch set state = 'funded', banked_upto = first_place - 1, entry_id = $4, match_id = $3
          where statement_id = $1 and batch = $2 and state = 'open'",
        statement,
        batch,
        by_match,
        entry
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The settlements of its lines are banked up to a place.
pub async fn batch_banked_upto(
    conn: &mut PgConnection,
    (statement, batch): (Uuid, &str),
    upto: i32,
    all: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update report_batch
            set banked_upto = $3, state = case when $4 then 'banked' else 'funded' end
          where statement_id = $1 and batch = $2 and state in ('funded', 'banked')",
        statement,
        batch,
        upto,
        all
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The report is read: its batches are whole.
pub async fn batches_open(conn: &mut PgConnection, statement: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update report_batch set state = 'open' where statement_id = $1 and state = 'adding'",
        statement
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The money of a batch was not seen after all, or its report was taken back.
pub async fn batch_unfunded(
    conn: &mut PgConnection,
    (statement, batch): (Uuid, &str),
    to: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update report_batch set state = $3, banked_upto = 0, entry_id = null, match_id = null
          where statement_id = $1 and batch = $2",
        statement,
        batch,
        to
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The batches of a report.
pub async fn batches_of(
    conn: &mut PgConnection,
    statement: Uuid,
) -> Result<Vec<BatchRow>, sqlx::Error> {
    sqlx::query_as!(
        BatchRow,
        r#"select statement_id as statement, batch, partner, account, currency, first_place, last_place,
                  state,
                  banked_upto, entry_id as entry, match_id as by_match, gross - fee as "net!", fee,
                  break_id as "case"
             from report_batch where statement_id = $1 order by batch"#,
        statement
    )
    .fetch_all(conn)
    .await
}

/// A line that no rule has matched.
#[derive(Debug, Clone)]
pub struct OpenLine {
    /// Which.
    pub line: i64,
    /// Of which statement.
    pub statement: Uuid,
    /// waiting, open, payout, kept.
    pub standing: String,
    /// Its code.
    pub code: Option<String>,
    /// Its case.
    pub case: Option<Uuid>,
    /// Why.
    pub why: String,
    /// Looked at again from here on.
    pub look_after: NaiveDate,
    /// What its money was booked to.
    pub booked_to: Option<String>,
    /// By which entry.
    pub entry: Option<i64>,
}

/// Writes open lines; one that is there is replaced.
pub async fn open_lines_put(
    conn: &mut PgConnection,
    lines: &[OpenLine],
) -> Result<(), sqlx::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = lines.iter().map(|l| l.line).collect();
    let statements: Vec<Uuid> = lines.iter().map(|l| l.statement).collect();
    let standings: Vec<String> = lines.iter().map(|l| l.standing.clone()).collect();
    let codes: Vec<Option<String>> = lines.iter().map(|l| l.code.clone()).collect();
    let cases: Vec<Option<Uuid>> = lines.iter().map(|l| l.case).collect();
    let whys: Vec<String> = lines.iter().map(|l| l.why.clone()).collect();
    let after: Vec<NaiveDate> = lines.iter().map(|l| l.look_after).collect();
    let booked: Vec<Option<String>> = lines.iter().map(|l| l.booked_to.clone()).collect();
    let entries: Vec<Option<i64>> = lines.iter().map(|l| l.entry).collect();
    sqlx::query!(
        "insert into open_line (line_id, statement_id, standing, code, break_id, why, look_after,
                                booked_to, entry_id)
         select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[],
                              $7::date[], $8::text[], $9::bigint[])
         on conflict on constraint open_line_pkey do update
            set standing = excluded.standing, code = excluded.code, break_id = excluded.break_id,
                why = excluded.why, look_after = excluded.look_after,
                booked_to = excluded.booked_to, entry_id = excluded.entry_id",
        &ids,
        &statements,
        &standings,
        &codes as &[Option<String>],
        &cases as &[Option<Uuid>],
        &whys,
        &after,
        &booked as &[Option<String>],
        &entries as &[Option<i64>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which open lines.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// All that a rule may match by now.
    All,
    /// Those whose window is over.
    Due(NaiveDate),
    /// Credits that wait for their batch.
    Lumps,
}

/// Open lines that may be matched by now, locked; those that another looks at are left out.
pub async fn open_lines_lock(
    conn: &mut PgConnection,
    which: Which,
    after: i64,
    most: i64,
) -> Result<Vec<OpenLine>, sqlx::Error> {
    let (due, lumps) = match which {
        Which::All => (None, false),
        Which::Due(day) => (Some(day), false),
        Which::Lumps => (None, true),
    };
    sqlx::query_as!(
        OpenLine,
        r#"select o.line_id as line, o.statement_id as statement, o.standing, o.code,
                  o.break_id as "case", o.why, o.look_after, o.booked_to, o.entry_id as entry
             from open_line o
            where o.standing in ('waiting', 'open') and o.line_id > $1
              and ($2::date is null or (o.standing = 'waiting' and o.look_after < $2))
              and (not $3 or exists (select from statement_line l join statement s using (statement_id)
                                      where l.line_id = o.line_id and s.kind = 'account'
                                        and l.amount > 0))
            order by o.line_id limit $4 for update of o skip locked"#,
        after,
        due,
        lumps,
        most
    )
    .fetch_all(conn)
    .await
}

/// Open lines by their numbers, locked.
pub async fn open_lines_of(
    conn: &mut PgConnection,
    lines: &[i64],
) -> Result<Vec<OpenLine>, sqlx::Error> {
    sqlx::query_as!(
        OpenLine,
        r#"select line_id as line, statement_id as statement, standing, code, break_id as "case", why,
                  look_after, booked_to, entry_id as entry
             from open_line where line_id = any($1) order by line_id for update"#,
        lines
    )
    .fetch_all(conn)
    .await
}

/// Takes lines off the list: they are matched, or their statement is taken back.
pub async fn open_lines_delete(conn: &mut PgConnection, lines: &[i64]) -> Result<(), sqlx::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query!("delete from open_line where line_id = any($1)", lines).execute(conn).await?;
    Ok(())
}

/// A transfer of ours that a bank's statement shows, and that nobody has taken in yet.
#[derive(Debug)]
pub struct Payout {
    /// The line.
    pub line: i64,
    /// Its statement.
    pub statement: Uuid,
    /// The bank account.
    pub account: String,
    /// Whose statement it is.
    pub partner: String,
    /// How much went out, as a positive number.
    pub amount: Decimal,
    /// Its currency.
    pub currency: String,
    /// The bank's day.
    pub value_date: NaiveDate,
    /// Our reference as the bank gave it back.
    pub reference: String,
}

/// Transfers of ours that wait, locked; those that another looks at are left out.
pub async fn payouts_lock(conn: &mut PgConnection, most: i64) -> Result<Vec<Payout>, sqlx::Error> {
    sqlx::query_as!(
        Payout,
        r#"select l.line_id as line, o.statement_id as statement, t.account, t.partner, -l.amount as "amount!", t.currency,
                  l.value_date, l.order_reference as reference
             from open_line o
             join statement_line l on l.line_id = o.line_id
             join statement t on t.statement_id = o.statement_id
            where o.standing = 'payout' order by o.line_id limit $1 for update of o skip locked"#,
        most
    )
    .fetch_all(conn)
    .await
}

/// What became of a transfer's line: kept as it is, or a case; and the entry that books it on the
/// receivable of its account, where no transfer does.
pub async fn payout_leave(
    conn: &mut PgConnection,
    line: i64,
    why: &str,
    case: Option<(&str, Uuid)>,
    booked: Option<i64>,
) -> Result<(), sqlx::Error> {
    let (code, id) = case.unzip();
    sqlx::query!(
        "update open_line set standing = case when $3::text is null then 'kept' else 'open' end,
                              why = $2, code = $3, break_id = $4, entry_id = $5,
                              booked_to = case when $5::bigint is null then null
                                               else 'receivable' end
          where line_id = $1 and standing = 'payout'",
        line,
        why,
        code,
        id,
        booked
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Open lines of a statement.
pub async fn open_lines_of_statement(
    conn: &mut PgConnection,
    statement: Uuid,
    most: i64,
) -> Result<Vec<OpenLine>, sqlx::Error> {
    sqlx::query_as!(
        OpenLine,
        r#"select line_id as line, statement_id as statement, standing, code, break_id as "case", why,
                  look_after, booked_to, entry_id as entry
             from open_line where statement_id = $1 order by line_id limit $2"#,
        statement,
        most
    )
    .fetch_all(conn)
    .await
}

/// Pairs of line and settlement, refund or reversal that people have taken apart.
pub async fn pairs_taken_apart(
    conn: &mut PgConnection,
    lines: &[i64],
) -> Result<Vec<(i64, Uuid)>, sqlx::Error> {
    sqlx::query!(
        r#"select s.line_id as "line!", coalesce(s.settlement_id, s.back_id) as "of!"
             from unnest($1::bigint[]) k(line_id)
            cross join lateral (
                  select * from match_side s where s.line_id = k.line_id and not s.active offset 0) s
             join unmatch u on u.match_id = s.match_id
            where num_nonnulls(s.settlement_id, s.back_id) > 0 and u.made_by not like 'payclear%'"#,
        lines
    )
    .map(|row| (row.line, row.of))
    .fetch_all(conn)
    .await
}

/// A pair of a batch whose settlement is to be banked.
#[derive(Debug, Clone)]
pub struct PairRow {
    /// The line's place.
    pub place: i32,
    /// The settlement.
    pub settlement: Uuid,
    /// Gross.
    pub amount: Decimal,
    /// As stated.
    pub fee: Decimal,
    /// The agency of its invoice, when fees are asked for.
    pub agency: Option<String>,
}

/// Matched payments of a batch from a place on, and the last place that was looked at.
pub async fn pairs_of_batch(
    conn: &mut PgConnection,
    (statement, batch): (Uuid, &str),
    (after, upto): (i32, i32),
    with_agency: bool,
) -> Result<Vec<PairRow>, sqlx::Error> {
    sqlx::query_as!(
        PairRow,
        r#"select l.place, s.settlement_id as "settlement!", l.amount, l.fee, i.agency as "agency?"
             from statement_line l
            cross join lateral (
                  select s.settlement_id from match_side s
                   where s.line_id = l.line_id and s.active and s.invoice_id is null
                     and s.settlement_id is not null offset 0) s
             left join lateral (
                  select i.agency from settlement t join invoice i on i.invoice_id = t.invoice_id
                   where t.settlement_id = s.settlement_id and $5 offset 0) i on true
            where l.statement_id = $1 and l.batch = $2 and l.place > $3 and l.place <= $4
            order by l.place"#,
        statement,
        batch,
        after,
        upto,
        with_agency
    )
    .fetch_all(conn)
    .await
}

/// Plans that go by keys, for this transaction: what is staged has no statistics, and a plan made
/// while a table was small would read all of it. A chunk is larger than a request: it gets more time.
pub async fn plan_by_keys(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"select set_config('enable_seqscan', 'off', true) as "a",
                  set_config('enable_hashjoin', 'off', true) as "b",
                  set_config('enable_mergejoin', 'off', true) as "c",
                  set_config('statement_timeout', '60000', true) as "d""#
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}
