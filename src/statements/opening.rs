//! What stood on an account before this installation began: proposed by one, approved by another,
//! booked once (`docs/decisions/0015-opening-balances.md`).

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::model::plain;
use super::store::kept::{self, NewOpening};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Maker, Proposal, ProposeError, ask_in};
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::registers::directory::Directory;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::ApprovalId;
use crate::vocabulary::money::{Currency, Money};

const OPENING: &str = "statement.opening";

/// What stood where.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Whose account.
    pub partner: String,
    /// Its number.
    pub account: String,
    /// The evening of this day.
    pub day: NaiveDate,
    /// Đồng, credit positive.
    pub amount: Decimal,
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// No such account, or of several partners.
    #[error("{0:?} is not a bank account of exactly one partner; name it with --partner")]
    UnknownAccount(String),
    /// Đồng have no fraction, and the ledger has a limit.
    #[error("{0} is not a sum of đồng")]
    Amount(Decimal),
    /// It was said before.
    #[error("the account opened with {amount} on {day}")]
    Known {
        /// How much.
        amount: Decimal,
        /// When.
        day: NaiveDate,
    },
    /// The first statement says otherwise.
    #[error("the first statement, of {day}, opens with {told}, not with {amount}")]
    Differs {
        /// The day of the first statement.
        day: NaiveDate,
        /// What it says.
        told: Decimal,
        /// What was given.
        amount: Decimal,
    },
    /// The first statement is of an earlier day.
    #[error("there is a statement of {0} already: the opening balance is of a day before it")]
    TooLate(NaiveDate),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// It was changed meanwhile, or cannot be booked.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Opening {
    /// Of an account of the registers.
    pub fn of(
        directory: &Directory,
        partner: Option<&str>,
        account: &str,
        (amount, day): (Decimal, NaiveDate),
    ) -> Result<Self, OpeningError> {
        if Money::new(amount.abs(), Currency::Vnd).is_err() {
            return Err(OpeningError::Amount(amount));
        }
        let mut owners = directory
            .partners()
            .iter()
            .filter(|p| partner.is_none_or(|only| p.code == only))
            .filter_map(|p| directory.account_ever(&p.code, account));
        let unknown = || OpeningError::UnknownAccount(account.to_owned());
        let found = owners.next().ok_or_else(unknown)?;
        // A wallet's number is no account with a balance of ours.
        if owners.next().is_some() || found.bin.is_empty() {
            return Err(unknown());
        }
        let (partner, account) = (found.partner.clone(), found.number.clone());
        Ok(Self { partner, account, day, amount })
    }

    fn subject(&self) -> String {
        format!("{}/{}", self.partner, self.account)
    }

    fn content(&self) -> Value {
        json!({
            "partner": self.partner, "account": self.account, "day": self.day,
            "amount": plain(self.amount), "currency": "VND",
        })
    }

    fn of_content(content: &Value) -> Option<Self> {
        let text = |field: &str| content[field].as_str();
        Some(Self {
            partner: text("partner")?.to_owned(),
            account: text("account")?.to_owned(),
            day: text("day")?.parse().ok()?,
            amount: Decimal::from_str_exact(text("amount")?).ok()?,
        })
    }

    async fn fits_in(&self, conn: &mut PgConnection) -> Result<(), OpeningError> {
        if let Some((day, amount)) = kept::opening_of(conn, &self.partner, &self.account).await? {
            return Err(OpeningError::Known { amount, day });
        }
        let Some((day, told)) = kept::first_opening(conn, &self.partner, &self.account).await?
        else {
            return Ok(());
        };
        if day <= self.day {
            return Err(OpeningError::TooLate(day));
        }
        match told {
            Some(told) if told != self.amount => {
                Err(OpeningError::Differs { day, told, amount: self.amount })
            }
            _ => Ok(()),
        }
    }
}

/// Proposes an opening balance; at the very beginning it is booked at once.
pub async fn propose(
    pool: &PgPool,
    maker: Maker<'_>,
    opening: &Opening,
) -> Result<Option<ApprovalId>, OpeningError> {
    let mut tx = pool.begin().await?;
    opening.fits_in(&mut tx).await?;
    let (subject, content) = (opening.subject(), opening.content());
    let proposal =
        Proposal { kind: OPENING, subject: &subject, agency: EVERYTHING, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    if approval.is_none() {
        book_in(&mut tx, opening, maker.by).await?;
    }
    tx.commit().await?;
    Ok(approval)
}

async fn book_in(
    conn: &mut PgConnection,
    opening: &Opening,
    by: By<'_>,
) -> Result<(), OpeningError> {
    opening.fits_in(conn).await?;
    let overdrawn = opening.amount.is_sign_negative();
    let amount = Money::new(opening.amount.abs(), Currency::Vnd)
        .map_err(|_| OpeningError::Amount(opening.amount))?;
    let mut booked = None;
    if !amount.is_zero() {
        let occasion = Occasion {
            act: "carried_in",
            business_day: BusinessDay(opening.day),
            value_date: opening.day,
            source: format!("opening/{}", opening.subject()),
            reverses: None,
            actor: by.actor.to_owned(),
            reason: "what stood on the account at first".to_owned(),
        };
        let (partner, account) = (&opening.partner, &opening.account);
        let entry = acts::carried_in(occasion, partner, account, overdrawn, amount)
            .map_err(|error| sqlx::Error::Protocol(format!("defect: {error}")))?;
        let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
        let opened = ledger::accounts_open(conn, &keys).await?;
        let numbers: std::collections::HashMap<_, _> = opened.into_iter().collect();
        let id = ledger::entry_numbers(conn, 1).await?[0];
        ledger::entries_insert(conn, &[(id, &entry)], &numbers).await?;
        booked = Some(id);
    }
    let new = NewOpening {
        partner: &opening.partner,
        account: &opening.account,
        currency: "VND",
        day: opening.day,
        amount: opening.amount,
        entry: booked,
    };
    if !kept::opening_insert(conn, &new, (by.actor, by.at)).await? {
        return Err(OpeningError::Known { amount: opening.amount, day: opening.day });
    }
    let (subject, content) = (opening.subject(), opening.content());
    audit::record_in(conn, by, "statement.opened", &subject, &content).await?;
    Ok(())
}

/// An opening balance that waits.
#[derive(Debug, Clone, Copy)]
pub struct OpeningKind;

impl Kind for OpeningKind {
    fn name(&self) -> &'static str {
        OPENING
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let opening = Opening::of_content(&approval.value()).ok_or(ApplyError::Changed)?;
            if canonical(&opening.content()) != approval.content {
                return Err(ApplyError::Changed);
            }
            match book_in(conn, &opening, by).await {
                Ok(()) => Ok(()),
                Err(OpeningError::Store(error)) => Err(error.into()),
                Err(error) => Err(ApplyError::Impossible(error.to_string())),
            }
        })
    }

    fn drop_in<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: &'a Approval,
        _: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
