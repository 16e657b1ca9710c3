//! Statements and reports as they stand once their file was read: staged, and nothing decided.

use chrono::{Duration, NaiveDate};
use payclear::partners::SettlingSource;
use payclear::settlements::outcome::Outcome;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::day;
use rust_decimal::Decimal;
use sqlx::Row;
use uuid::Uuid;

use super::town::Town;

/// A line to be staged.
#[derive(Debug, Clone)]
pub struct Told {
    pub nature: &'static str,
    pub standing: &'static str,
    pub amount: i64,
    pub fee: i64,
    pub value_date: NaiveDate,
    pub transaction_id: String,
    pub order_reference: String,
    pub batch: String,
    pub memo: String,
}

impl Told {
    /// A payment of a day.
    pub fn payment(transaction: &str, amount: i64, value_date: NaiveDate) -> Self {
        Self {
            nature: "payment",
            standing: "booked",
            amount,
            fee: 0,
            value_date,
            transaction_id: transaction.to_owned(),
            order_reference: String::new(),
            batch: String::new(),
            memo: String::new(),
        }
    }

    pub fn nature(self, nature: &'static str) -> Self {
        Self { nature, ..self }
    }

    pub fn standing(self, standing: &'static str) -> Self {
        Self { standing, ..self }
    }

    pub fn memo(self, memo: &str) -> Self {
        Self { memo: memo.to_owned(), ..self }
    }

    pub fn reference(self, reference: &str) -> Self {
        Self { order_reference: reference.to_owned(), ..self }
    }

    pub fn batch(self, batch: &str) -> Self {
        Self { batch: batch.to_owned(), ..self }
    }

    pub fn fee(self, fee: i64) -> Self {
        Self { fee, ..self }
    }
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    pub kind: &'a str,
    pub partner: &'a str,
    pub account: &'a str,
    pub reference: &'a str,
    pub day: NaiveDate,
}

impl Town {
    /// Today, as officers count days.
    pub fn today(&self) -> NaiveDate {
        day::to_local(self.clock.now()).date()
    }

    /// Stages a list; its id.
    pub async fn stage(&self, of: Of<'_>, lines: &[Told]) -> Uuid {
        self.stage_in_place_of(None, of, lines).await
    }

    /// Stages another issue of a list that was booked.
    pub async fn stage_in_place_of(&self, old: Option<Uuid>, of: Of<'_>, lines: &[Told]) -> Uuid {
        let (file, statement) = (Uuid::now_v7(), Uuid::now_v7());
        let now = self.clock.now();
        let mut tx = self.pool.begin().await.expect("a transaction");
        sqlx::query(
            "insert into statement_file (file_id, sha256, partner, name, source, received_by,
                                         received_at, size, state, state_since)
             values ($1, $2, $3, 'test', 'command', 'tests', $4, 1, 'staged', $4)",
        )
        .bind(file)
        .bind([file.as_bytes().as_slice(), file.as_bytes()].concat())
        .bind(of.partner)
        .bind(now)
        .execute(&mut *tx)
        .await
        .expect("a file");
        if let Some(old) = old {
            let set = "update statement set state = 'superseded' where statement_id = $1";
            sqlx::query(set).bind(old).execute(&mut *tx).await.expect("it was booked");
        }
        let booked: Vec<&Told> = lines.iter().filter(|line| line.standing == "booked").collect();
        let total: i64 = booked.iter().map(|line| line.amount).sum();
        sqlx::query(
            "insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                                    currency, opening, closing, lines, total, state, state_since,
                                    supersedes)
             values ($1, $2, 0, $3, $4, $5, $6, $7, 'VND', 0, $8, $9, $8, 'staged', $10, $11)",
        )
        .bind(statement)
        .bind(file)
        .bind(of.kind)
        .bind(of.partner)
        .bind(of.account)
        .bind(of.reference)
        .bind(of.day)
        .bind(Decimal::from(total))
        .bind(i64::try_from(lines.len()).expect("a count"))
        .bind(now)
        .bind(old)
        .execute(&mut *tx)
        .await
        .expect("a statement");
        let column = |pick: fn(&Told) -> String| lines.iter().map(pick).collect::<Vec<_>>();
        sqlx::query(
            "insert into statement_line (statement_id, place, nature, standing, amount, fee, value_date,
                                         transaction_id, order_reference, batch, memo, occurrence)
             select $1, k.*, case when k.id <> '' then 1 else row_number() over (
                        partition by k.id, k.amount, k.value_date, k.orders, k.memo
                        order by k.place) end
               from unnest($2::integer[], $3::text[], $4::text[], $5::numeric[], $6::numeric[],
                           $7::date[], $8::text[], $9::text[], $10::text[], $11::text[])
                    k(place, nature, standing, amount, fee, value_date, id, orders, batch, memo)",
        )
        .bind(statement)
        .bind((1..=i32::try_from(lines.len()).expect("a count")).collect::<Vec<_>>())
        .bind(column(|l| l.nature.to_owned()))
        .bind(column(|l| l.standing.to_owned()))
        .bind(lines.iter().map(|l| Decimal::from(l.amount)).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| Decimal::from(l.fee)).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.value_date).collect::<Vec<_>>())
        .bind(column(|l| l.transaction_id.clone()))
        .bind(column(|l| l.order_reference.clone()))
        .bind(column(|l| l.batch.clone()))
        .bind(column(|l| l.memo.clone()))
        .execute(&mut *tx)
        .await
        .expect("lines");
        tx.commit().await.expect("a commit");
        statement
    }

    /// What became of the lines of a list, in their order: the rule that matched, or code and standing.
    pub async fn became(&self, statement: Uuid) -> Vec<String> {
        let rows = sqlx::query(
            "select l.place, m.rule, m.state as made_as, c.match_id is not null as confirmed,
                    o.standing, o.code
               from statement_line l
               left join match_side s on s.line_id = l.line_id and s.active and s.invoice_id is null
               left join match m on m.match_id = s.match_id
               left join match_confirmation c on c.match_id = m.match_id
               left join open_line o on o.line_id = l.line_id
              where l.statement_id = $1 order by l.place",
        )
        .bind(statement)
        .fetch_all(&self.pool)
        .await
        .expect("the lines");
        rows.iter()
            .map(|row| {
                let rule: Option<String> = row.get("rule");
                let made_as: Option<String> = row.get("made_as");
                let standing: Option<String> = row.get("standing");
                let code: Option<String> = row.get("code");
                match (rule, standing) {
                    (Some(rule), _) => {
                        let suggested = made_as.as_deref() == Some("suggested");
                        let confirmed: bool = row.get("confirmed");
                        format!("{rule}{}", if suggested && !confirmed { "?" } else { "" })
                    }
                    (None, Some(standing)) => {
                        format!("{} {standing}", code.unwrap_or_default()).trim().to_owned()
                    }
                    (None, None) => "nothing".to_owned(),
                }
            })
            .collect()
    }

    /// Gives an account another settling source, from long ago.
    pub async fn settle_by(&self, partner: &str, account: &str, source: SettlingSource) {
        self.as_owner(&format!(
            "update collecting_account set settling_source = '{source}'
              where partner = '{partner}' and number = '{account}';
             update directory_version set version = version + 1"
        ))
        .await
        .expect("the register");
        self.app.directory.refresh().await.expect("the registers");
    }

    /// The contract of a partner.
    pub async fn contract(&self, partner: &str, fixed: i64, percent: &str) {
        self.as_owner(&format!(
            "insert into partner_fee (partner, valid_from, fixed, percent, made_by, made_at)
             values ('{partner}', '2020-01-01', {fixed}, {percent}, 'tests', now())"
        ))
        .await
        .expect("the terms");
    }

    /// How many settlements were seen in the bank.
    pub async fn banked_count(&self) -> i64 {
        self.count("settlement_banked").await
    }

    /// The balance of a bank account.
    pub async fn in_the_bank(&self, account: &str) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(amount), 0)::bigint from ledger.balance
              where kind = 'bank_account' and detail = $1",
        )
        .bind(account)
        .fetch_one(&self.pool)
        .await
        .expect("a balance")
    }

    /// Lets so many days pass.
    pub fn days_pass(&self, days: i64) {
        self.clock.turn(Duration::days(days));
    }

    /// The outcome of a settlement by its transaction id.
    pub async fn outcome_of(&self, transaction: &str) -> Option<Outcome> {
        let told: Option<String> =
            sqlx::query_scalar("select outcome from settlement where transaction_id = $1")
                .bind(transaction)
                .fetch_optional(&self.pool)
                .await
                .expect("a settlement");
        told.map(|text| text.parse().expect("an outcome"))
    }
}
