//! "I was debited, but it says unpaid": one of six plain answers, and nothing about anybody.
//!
//! Whoever asks proves that they know a payment by its number, amount and day, or an invoice by its
//! code; they learn where the money stands, never whose it is or what for.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use sqlx::PgConnection;

use super::forms::{PaymentAsked, Question};
use super::store::{self, Reported, Sought};
use crate::invoices::status::{AttemptStatus, Status};
use crate::invoices::store as invoice_store;
use crate::settlements::outcome::Outcome;
use crate::vocabulary::day::{from_local, to_local};

/// A number of so many characters is looked for inside texts.
const LONG_ENOUGH: usize = 8;

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Found, and the fee is paid.
    Paid,
    /// Found, and less than is owed.
    WaitsForRest,
    /// Found, and a person or the partner has to say more.
    LookedInto,
    /// Found, and due back to the payer, or given back.
    DueBack,
    /// Not here yet; it usually is by this day.
    NotYet {
        /// By when.
        by: NaiveDate,
    },
    /// Not here, and by now it should be.
    Nothing,
}

impl Answer {
    /// Its name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::WaitsForRest => "waits_for_rest",
            Self::LookedInto => "looked_into",
            Self::DueBack => "due_back",
            Self::NotYet { .. } => "not_yet",
            Self::Nothing => "nothing",
        }
    }
}

/// The answer to one payment that was found.
pub fn of_payment(found: Reported) -> Answer {
    use Outcome::{
        Applied, AppliedLate, Held, Noted, Overpaid, RefundDue, SuspectedDuplicate, Suspense,
    };
    if found.reversed {
        return Answer::DueBack;
    }
    match (found.outcome, found.invoice) {
        (Applied | AppliedLate | Overpaid | Held | Noted, Some(Status::Paid)) => Answer::Paid,
        (Held, Some(Status::Issued | Status::Pending)) => Answer::WaitsForRest,
        (RefundDue | Held, _) => Answer::DueBack,
        (Applied | AppliedLate | Overpaid | Noted | Suspense | SuspectedDuplicate, _) => {
            Answer::LookedInto
        }
    }
}

/// The answer to an invoice: where it stands, what came for it, and the payer's own orders.
pub fn of_invoice(
    status: Status,
    payments: &[Reported],
    orders: &[AttemptStatus],
    by: NaiveDate,
) -> Answer {
    let answers: Vec<Answer> = payments.iter().map(|found| of_payment(*found)).collect();
    match status {
        Status::Paid => Answer::Paid,
        Status::Issued | Status::Pending if answers.contains(&Answer::WaitsForRest) => {
            Answer::WaitsForRest
        }
        _ if orders.contains(&AttemptStatus::Unknown) || answers.contains(&Answer::LookedInto) => {
            Answer::LookedInto
        }
        Status::Issued | Status::Pending => Answer::NotYet { by },
        Status::Expired | Status::Cancelled if answers.contains(&Answer::DueBack) => {
            Answer::DueBack
        }
        Status::Expired | Status::Cancelled => Answer::Nothing,
    }
}

/// The working day after, by which even a slow transfer is usually here. Public holidays are not
/// reckoned with: they make it later, and the words say "usually".
pub fn usually_by(day: NaiveDate) -> NaiveDate {
    let weekend = |day: &NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let mut by = day;
    loop {
        by = by.checked_add_days(Days::new(1)).unwrap_or(by);
        if !weekend(&by) || by == NaiveDate::MAX {
            return by;
        }
    }
}

/// Finds the answer.
pub async fn answer(
    conn: &mut PgConnection,
    question: &Question,
    partners: &[String],
    now: DateTime<Utc>,
) -> Result<Answer, sqlx::Error> {
    let today = to_local(now).date();
    if let Some(payment) = &question.payment
        && let Some(found) = by_number(conn, payment, partners, today).await?
    {
        return Ok(found);
    }
    if let Some(code) = &question.code
        && let Some((_, id)) =
            invoice_store::invoices_of_codes(conn, std::slice::from_ref(code)).await?.pop()
        && let Some(invoice) = invoice_store::invoice_read(conn, id).await?
    {
        let payments = store::payments_of_invoice(conn, id).await?;
        let orders = invoice_store::attempts_of_invoice(conn, id).await?;
        // Of the order that stands from the start no payer knows.
        let orders: Vec<AttemptStatus> =
            orders.iter().filter(|a| !a.is_standing()).map(|a| a.status).collect();
        let day = question.payment.as_ref().map_or(today, |payment| payment.day);
        return Ok(match of_invoice(invoice.status, &payments, &orders, usually_by(day)) {
            Answer::NotYet { by } if by < today => Answer::Nothing,
            answer => answer,
        });
    }
    Ok(match &question.payment {
        Some(payment) if today <= usually_by(payment.day) => {
            Answer::NotYet { by: usually_by(payment.day) }
        }
        _ => Answer::Nothing,
    })
}

async fn by_number(
    conn: &mut PgConnection,
    payment: &PaymentAsked,
    partners: &[String],
    today: NaiveDate,
) -> Result<Option<Answer>, sqlx::Error> {
    let day = |days: i64| {
        let day = payment.day.checked_add_signed(chrono::TimeDelta::days(days));
        from_local(day.unwrap_or(payment.day).and_time(chrono::NaiveTime::MIN))
    };
    let mut numbers = vec![payment.reference.clone(), payment.reference.to_uppercase()];
    numbers.dedup();
    // What is paid late in the evening is the next day's at some banks, and the other way round.
    let sought = Sought {
        partners,
        numbers: &numbers,
        amount: payment.amount.amount(),
        from: day(-1),
        until: day(2),
    };
    let found = store::payments_of_number(conn, &sought).await?;
    // One that was only noted says least.
    if let Some(found) = found.iter().max_by_key(|found| found.outcome != Outcome::Noted) {
        return Ok(Some(of_payment(*found)));
    }
    let number = payment.reference.to_uppercase();
    // A short number is in many a text by chance.
    if number.len() >= LONG_ENOUGH
        && let Some(found) = store::payments_in_cases(conn, &number, &sought).await?.first()
    {
        return Ok(Some(of_payment(*found)));
    }
    let orders = store::orders_of_number(conn, &sought).await?;
    let by = usually_by(payment.day);
    Ok(orders.into_iter().next().map(|(order, invoice)| match (order, invoice) {
        (AttemptStatus::Succeeded, Status::Paid) => Answer::Paid,
        (AttemptStatus::Succeeded | AttemptStatus::Unknown, _) => Answer::LookedInto,
        _ if today <= by => Answer::NotYet { by },
        _ => Answer::Nothing,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(outcome: Outcome, invoice: Option<Status>) -> Reported {
        Reported { outcome, reversed: false, invoice }
    }

    #[test]
    fn every_payment_that_is_found_has_its_answer() {
        use Answer::{DueBack, LookedInto, Paid, WaitsForRest};
        for outcome in Outcome::ALL {
            for status in Status::ALL {
                let answer = of_payment(reported(*outcome, Some(*status)));
                let expected = match (outcome, status) {
                    (Outcome::RefundDue, _) => DueBack,
                    (Outcome::Suspense | Outcome::SuspectedDuplicate, _) => LookedInto,
                    (_, Status::Paid) => Paid,
                    (Outcome::Held, Status::Issued | Status::Pending) => WaitsForRest,
                    (Outcome::Held, _) => DueBack,
                    _ => LookedInto,
                };
                assert_eq!(answer, expected, "{outcome} {status}");
            }
            let taken = Reported { reversed: true, ..reported(*outcome, Some(Status::Pending)) };
            assert_eq!(of_payment(taken), DueBack, "{outcome}");
        }
        assert_eq!(of_payment(reported(Outcome::Suspense, None)), LookedInto);
    }

    #[test]
    fn an_invoice_is_answered_by_what_came_for_it() {
        let by = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
        let open = Status::Pending;
        let unknown = [AttemptStatus::Failed, AttemptStatus::Unknown];
        assert_eq!(of_invoice(Status::Paid, &[], &unknown, by), Answer::Paid);
        assert_eq!(of_invoice(open, &[], &[], by), Answer::NotYet { by });
        assert_eq!(of_invoice(open, &[], &unknown, by), Answer::LookedInto);
        let held = [reported(Outcome::Held, Some(open))];
        assert_eq!(of_invoice(open, &held, &unknown, by), Answer::WaitsForRest);
        assert_eq!(of_invoice(Status::Expired, &[], &[], by), Answer::Nothing);
        let late = [reported(Outcome::RefundDue, Some(Status::Expired))];
        assert_eq!(of_invoice(Status::Expired, &late, &[], by), Answer::DueBack);
    }

    #[test]
    fn money_is_usually_here_by_the_next_working_day() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 11, d).expect("a day");
        for (paid, by) in [(19, 20), (20, 23), (21, 23), (22, 23), (23, 24)] {
            assert_eq!(usually_by(day(paid)), day(by));
        }
        assert_eq!(usually_by(NaiveDate::MAX), NaiveDate::MAX);
    }
}
