//! What each way out does. It is run twice: to show what it books, and to book it.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::wish::Wish;
use super::{Resolving, store};
use crate::breaks::BreakCode;
use crate::breaks::case::Case;
use crate::breaks::holding::{HeldIn, Holding};
use crate::breaks::store::{breaks_close, holds, reads, timeline};
use crate::breaks::ways::{self, Way};
use crate::invoices::store as invoice_store;
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::{Entry, NotAnEntry, Occasion};
use crate::ledger::store as ledger;
use crate::partners::SettlingSource;
use crate::people::role::EVERYTHING;
use crate::settlements::officers::{self, OfficersError, Says, Untaken};
use crate::settlements::outcome::Outcome;
use crate::settlements::settlement::Settlement;
use crate::settlements::store as settlement_store;
use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::{BreakId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

/// Why a way out is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// It is no way out of this case as it stands.
    #[error("{way} is no way out of this case now")]
    NoWay {
        /// Which.
        way: Way,
    },
    /// What it needs is not there, or does not fit.
    #[error("{detail}")]
    Unfit {
        /// The member of the request.
        pointer: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// Something must come before.
    #[error("{0}")]
    NotYet(String),
    /// The settlements' own word.
    #[error(transparent)]
    Settlement(#[from] OfficersError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn unfit(pointer: &'static str, detail: impl Into<String>) -> ActError {
    ActError::Unfit { pointer, detail: detail.into() }
}

/// What a way out has come to, besides its entries.
#[derive(Debug)]
pub struct Done {
    /// The case is closed by it.
    pub closes: bool,
    /// How much it is about.
    pub amount: Money,
    /// What else has come of it, for those who decide.
    pub outcome: Value,
}

/// Who takes it, and when.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    /// Who proposed it: the author of its entries.
    pub author: &'a str,
    /// When.
    pub now: DateTime<Utc>,
}

/// Locks a case, its invoice first, in the order of everybody else.
pub async fn lock_in(
    conn: &mut PgConnection,
    id: BreakId,
    wish: &Wish,
) -> Result<Option<Case>, sqlx::Error> {
    let mut ids: Vec<_> =
        store::invoice_of_case(conn, id).await?.into_iter().map(|id| id.0).collect();
    if let Some(other) = wish.against {
        ids.extend(store::invoice_of_case(conn, BreakId(other)).await?.map(|id| id.0));
    }
    if let Some(code) = wish.code() {
        let known = invoice_store::invoices_of_codes(conn, &[code]).await?;
        ids.extend(known.into_iter().map(|(_, id)| id.0));
    }
    ids.sort_unstable();
    ids.dedup();
    invoice_store::invoices_lock(conn, &ids).await?;
    // Two cases are locked in one order, whichever of them it is taken from.
    if let Some(other) = wish.against.map(BreakId).filter(|other| other.0 < id.0) {
        reads::break_lock(conn, other).await?;
    }
    reads::break_lock(conn, id).await
}

impl Resolving {
    /// Takes a way out of a locked case, as far as it books: the case's own step is the caller's.
    pub(super) async fn act_in(
        &self,
        conn: &mut PgConnection,
        case: &Case,
        wish: &Wish,
        taker: Taker<'_>,
    ) -> Result<Done, ActError> {
        if !ways::of_case(case).contains(&wish.way) || !wish.way.takes_two() {
            return Err(ActError::NoWay { way: wish.way });
        }
        let act = Act { resolving: self, case, wish, taker };
        match wish.way {
            Way::Post => act.post(conn).await,
            Way::Place => act.place(conn).await,
            Way::Return => act.give_back(conn).await,
            Way::Returned => act.given_back(conn).await,
            Way::NotReturned => act.not_given_back(conn).await,
            Way::Refund => act.refund(conn).await,
            Way::SetOff => act.set_off(conn).await,
            Way::Claim => act.claim(conn).await,
            Way::WriteOff => act.write_off(conn).await,
            Way::Reverse => act.reverse(conn).await,
            Way::Transfer => act.transfer(conn).await,
            Way::Duplicate => act.duplicate(conn).await,
            Way::Accept => Ok(act.done(true, case.amount, Value::Null)),
            Way::Wait | Way::Ask => Err(ActError::NoWay { way: wish.way }),
        }
    }
}

struct Act<'a> {
    resolving: &'a Resolving,
    case: &'a Case,
    wish: &'a Wish,
    taker: Taker<'a>,
}

impl Act<'_> {
    #[expect(clippy::unused_self, reason = "read as the end of an act")]
    fn done(&self, closes: bool, amount: Money, outcome: Value) -> Done {
        Done { closes, amount, outcome }
    }

    fn says(&self) -> Says<'_> {
        Says { actor: self.taker.author, reason: &self.wish.reason, now: self.taker.now }
    }

    fn of_partner(&self, kind: AccountKind) -> AccountKey {
        AccountKey::of(kind, &self.case.partner, self.case.amount.currency())
    }

    fn settlement(&self) -> Result<SettlementId, ActError> {
        self.case.settlement.ok_or(ActError::NoWay { way: self.wish.way })
    }

    /// What the case holds, or lacks.
    fn held(&self) -> Result<(HeldIn, Money), ActError> {
        let held = self.case.held().or_else(|| self.case.missing());
        held.ok_or(ActError::NoWay { way: self.wish.way })
    }

    async fn book(
        &self,
        conn: &mut PgConnection,
        act: &'static str,
        make: impl FnOnce(Occasion) -> Result<Entry, NotAnEntry>,
    ) -> Result<(), ActError> {
        let occasion = Occasion {
            act,
            business_day: self.resolving.accounts.day_of(self.taker.now),
            value_date: day::to_local(self.taker.now).date(),
            source: format!("break/{}", self.case.id),
            reverses: None,
            actor: self.taker.author.to_owned(),
            reason: self.wish.reason.clone(),
        };
        let entry =
            make(occasion).map_err(|error| sqlx::Error::Protocol(format!("defect: {error}")))?;
        let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
        let numbers: std::collections::HashMap<_, _> =
            ledger::accounts_open(conn, &keys).await?.into_iter().collect();
        let id = ledger::entry_numbers(conn, 1).await?[0];
        ledger::entries_insert(conn, &[(id, &entry)], &numbers).await?;
        Ok(())
    }

    /// What the case holds from now on.
    async fn holds(
        &self,
        conn: &mut PgConnection,
        held_in: HeldIn,
        held: rust_decimal::Decimal,
    ) -> Result<(), sqlx::Error> {
        let why = (self.wish.reason.as_str(), self.taker.author, self.taker.now);
        holds::break_hold(conn, self.case.id, Holding { held_in, held }, why).await
    }

    async fn place(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (_, held) = self.held()?;
        let code = self.wish.code().ok_or_else(|| unfit("/invoice", "is no invoice's code"))?;
        let about = (self.settlement()?, &code);
        let settling = self.resolving.settling();
        let placed = match officers::place_in(conn, &settling, about, self.says()).await {
            Err(error @ (OfficersError::NotFound("invoice") | OfficersError::Misplaced)) => {
                return Err(unfit("/invoice", error.to_string()));
            }
            placed => placed?,
        };
        if placed.settlement.amount != held {
            let detail = "the case does not hold all of the settlement: it cannot be placed whole";
            return Err(ActError::NotYet(detail.to_owned()));
        }
        self.holds(conn, HeldIn::Suspense, rust_decimal::Decimal::ZERO).await?;
        Ok(self.done(true, held, json!({ "settled": placed.settlement.outcome, "invoice": code })))
    }

    async fn post(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let untaken = match self.case.settlement {
            Some(id) => {
                let noted = settlement_store::settlement_read(conn, id).await?;
                let noted = noted.filter(|noted| noted.outcome == Outcome::Noted);
                let noted = noted.ok_or(ActError::NoWay { way: Way::Post })?;
                self.of_noted(conn, noted).await?
            }
            None => self.of_line(conn).await?,
        };
        let amount = untaken.amount;
        let settling = self.resolving.settling();
        let settled = officers::post_in(conn, &settling, untaken, self.says()).await?;
        let outcome = json!({
            "settled": settled.settlement.outcome, "source": settled.settlement.source,
            "transaction_id": settled.settlement.transaction_id,
        });
        Ok(self.done(true, amount, outcome))
    }

    fn settling_source(&self, account: &str) -> Result<SettlingSource, ActError> {
        let directory = self.resolving.orders.directory.current();
        let day = BusinessDay::of(self.taker.now, None);
        let found = directory
            .account_numbered(&self.case.partner, account, day)
            .or_else(|| directory.account_ever(&self.case.partner, account));
        found.map(|account| account.settling_source).ok_or_else(|| {
            unfit(
                "/account",
                format!("{account} is no collecting account of {}", self.case.partner),
            )
        })
    }

    async fn of_noted(
        &self,
        conn: &mut PgConnection,
        noted: Settlement,
    ) -> Result<Untaken, ActError> {
        let attempts: Vec<_> = noted.attempt.iter().map(|attempt| attempt.0).collect();
        let attempt = invoice_store::attempts_read(conn, &attempts).await?.pop();
        Ok(Untaken {
            source: self.settling_source(&noted.account)?,
            partner: noted.partner,
            transaction_id: noted.transaction_id,
            account: noted.account,
            amount: noted.amount,
            memo: noted.memo,
            reference: attempt.map(|attempt| attempt.reference),
            value_time: noted.value_time,
        })
    }

    async fn of_line(&self, conn: &mut PgConnection) -> Result<Untaken, ActError> {
        let line = timeline::file_line(conn, self.case).await?;
        let line = line.ok_or(ActError::NoWay { way: Way::Post })?;
        let wrong = |error: &dyn std::fmt::Display| unfit("/way", format!("the line: {error}"));
        let currency: Currency = line.currency.parse().map_err(|error| wrong(&error))?;
        let amount = Money::new(line.amount, currency).map_err(|error| wrong(&error))?;
        if amount.is_zero() || line.partner != self.case.partner {
            return Err(ActError::NoWay { way: Way::Post });
        }
        // A line without a number of its sender's is named by its place in the statement.
        let transaction_id = if line.transaction_id.is_empty() {
            format!("{}/{}", line.reference, line.place)
        } else {
            line.transaction_id
        };
        Ok(Untaken {
            source: self.settling_source(&line.account)?,
            partner: line.partner,
            transaction_id,
            account: line.account,
            amount,
            memo: line.memo,
            reference: Some(line.order_reference).filter(|reference| !reference.is_empty()),
            value_time: day::from_local(line.value_date.and_time(NaiveTime::MIN)),
        })
    }

    /// The bank account that the money of the case was seen on.
    async fn bank(&self, conn: &mut PgConnection) -> Result<AccountKey, ActError> {
        let seen = settlement_store::settlement_banked_on(conn, self.settlement()?).await?;
        let (_, account) = seen.ok_or_else(|| {
            ActError::NotYet("the settlement has not been seen in the bank".to_owned())
        })?;
        let currency = self.case.amount.currency();
        Ok(AccountKey::detailed(AccountKind::BankAccount, &self.case.partner, &account, currency))
    }

    async fn give_back(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (_, held) = self.held()?;
        let bank = self.bank(conn).await?;
        let (from, to) = (
            self.of_partner(AccountKind::Suspense),
            self.of_partner(AccountKind::RefundsInTransit),
        );
        self.book(conn, "returned", |o| acts::between(o, from, to, held)).await?;
        self.holds(conn, HeldIn::RefundsInTransit, held.amount()).await?;
        Ok(self.done(false, held, json!({ "bank_account": bank.detail })))
    }

    async fn given_back(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (_, held) = self.held()?;
        let bank = self.bank(conn).await?;
        let outcome = json!({ "bank_account": bank.detail, "transaction": self.wish.transaction });
        let from = self.of_partner(AccountKind::RefundsInTransit);
        // Where statements tell of the account, the debit of the return is booked by its line, against
        // the receivable of the account: the return clears that, and the bank is counted once.
        let seen = settlement_store::settlement_banked_on(conn, self.settlement()?).await?;
        let to = if seen.is_some_and(|(by, _)| by.starts_with("match/")) {
            let (kind, currency) = (AccountKind::PartnerReceivable, held.currency());
            AccountKey::detailed(kind, &self.case.partner, &bank.detail, currency)
        } else {
            bank
        };
        self.book(conn, "return_confirmed", |o| acts::between(o, from, to, held)).await?;
        self.holds(conn, HeldIn::RefundsInTransit, rust_decimal::Decimal::ZERO).await?;
        Ok(self.done(true, held, outcome))
    }

    async fn not_given_back(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (_, held) = self.held()?;
        let (from, to) = (
            self.of_partner(AccountKind::RefundsInTransit),
            self.of_partner(AccountKind::Suspense),
        );
        self.book(conn, "return_failed", |o| acts::between(o, from, to, held)).await?;
        self.holds(conn, HeldIn::Suspense, held.amount()).await?;
        Ok(self.done(false, held, Value::Null))
    }

    /// The refund takes its own way, with its own approval; the case closes when the money has left.
    async fn refund(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (id, by) = (self.settlement()?, self.taker.author);
        let orders = &self.resolving.orders;
        let opened = orders.open_again_in(conn, id, by, self.taker.now).await?;
        let Some(refund) = opened else {
            let why = "a refund of it is under way or done, or nothing is due back";
            return Err(ActError::NotYet(why.to_owned()));
        };
        Ok(self.done(false, refund.amount, json!({ "refund_by": refund.method })))
    }

    /// The collecting account that a difference of the bank's side is about.
    async fn account(&self, conn: &mut PgConnection) -> Result<AccountKey, ActError> {
        let named = match (&self.wish.account, self.case.settlement) {
            (Some(account), _) => Some(account.clone()),
            (None, Some(id)) => {
                settlement_store::settlement_read(conn, id).await?.map(|known| known.account)
            }
            (None, None) => timeline::file_line(conn, self.case).await?.map(|line| line.account),
        };
        let account = named.ok_or_else(|| unfit("/account", "is needed: the case names none"))?;
        self.settling_source(&account)?;
        let kind = AccountKind::PartnerReceivable;
        let currency = self.case.amount.currency();
        Ok(AccountKey::detailed(kind, &self.case.partner, &account, currency))
    }

    async fn claim(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let named = self.wish.agency.as_deref().or(Some(self.case.agency.as_str()));
        let agency = named.filter(|agency| !agency.is_empty());
        let agency = agency.ok_or_else(|| unfit("/agency", "is needed: the case names none"))?;
        self.known(agency, "/agency")?;
        let claim = AccountKey::of(AccountKind::ClaimOnAgency, agency, self.case.amount.currency());
        let amount = if let Some((held_in, missing)) = self.case.missing() {
            let short = self.of_partner(held_in.account());
            self.book(conn, "claimed", |o| acts::between(o, claim, short, missing)).await?;
            self.holds(conn, held_in, rust_decimal::Decimal::ZERO).await?;
            missing
        } else {
            let (receivable, amount) = (self.account(conn).await?, self.case.amount);
            self.book(conn, "claimed", |o| acts::between(o, claim, receivable, amount)).await?;
            amount
        };
        Ok(self.done(true, amount, json!({ "agency": agency })))
    }

    async fn write_off(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let lost = self.of_partner(AccountKind::WriteOff);
        let missing = self.case.missing();
        let amount = missing.map_or(self.case.amount, |(_, missing)| missing);
        self.within_limits(conn, amount).await?;
        if let Some((held_in, missing)) = missing {
            let short = self.of_partner(held_in.account());
            self.book(conn, "written_off", |o| acts::between(o, lost, short, missing)).await?;
            self.holds(conn, held_in, rust_decimal::Decimal::ZERO).await?;
        } else {
            let receivable = self.account(conn).await?;
            let (debit, credit) = if self.case.code == BreakCode::FundsOver {
                (receivable, lost)
            } else {
                (lost, receivable)
            };
            self.book(conn, "written_off", |o| acts::between(o, debit, credit, amount)).await?;
        }
        Ok(self.done(true, amount, Value::Null))
    }

    async fn within_limits(&self, conn: &mut PgConnection, amount: Money) -> Result<(), ActError> {
        let limits = self.resolving.limits;
        if amount.amount() > limits.most.into() {
            let most = Money::vnd(limits.most).for_people();
            return Err(ActError::NotYet(format!("more than {most} is not written off")));
        }
        let today = day::to_local(self.taker.now).date().and_time(NaiveTime::MIN);
        let of = (self.case.partner.as_str(), amount.currency().as_str());
        let before = store::written_off(conn, of, day::from_local(today)).await?;
        if before + amount.amount() > limits.day.into() {
            let most = Money::vnd(limits.day).for_people();
            let why = format!("more than {most} a day is not written off for one partner");
            return Err(ActError::NotYet(why));
        }
        Ok(())
    }

    async fn reverse(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let id = self.settlement()?;
        let says = (self.taker.author, self.wish.reason.as_str());
        let name = format!("break/{}", self.case.id);
        let reversing = self.resolving.reversing();
        if !reversing.take_back_by_officers_in(conn, id, says, &name).await? {
            let why = "the settlement is not booked, was taken back, or was placed by officers";
            return Err(ActError::NotYet(why.to_owned()));
        }
        Ok(self.done(true, self.case.amount, json!({ "settlement": id })))
    }

    fn known(&self, agency: &str, pointer: &'static str) -> Result<(), ActError> {
        let directory = self.resolving.orders.directory.current();
        let day = BusinessDay::of(self.taker.now, None);
        if directory.agency(agency, day).is_some() {
            return Ok(());
        }
        Err(unfit(pointer, format!("there is no agency {agency}")))
    }

    async fn transfer(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let (Some(from), Some(to)) = (&self.wish.from, &self.wish.to) else {
            return Err(unfit("/from", "is needed"));
        };
        self.known(&from.agency, "/from/agency")?;
        self.known(&to.agency, "/to/agency")?;
        let amount = self.wish.amount.unwrap_or(self.case.amount);
        let currency = self.case.amount.currency();
        if amount.currency() != currency || amount.is_zero() || amount > self.case.amount {
            let most = self.case.amount.for_people();
            return Err(unfit("/amount", format!("must be more than nothing, at most {most}")));
        }
        let payable = |purse: &super::wish::Purse| {
            let kind = AccountKind::AgencyPayable;
            AccountKey::detailed(kind, &purse.agency, &purse.budget, currency)
        };
        let (debit, credit) = (payable(from), payable(to));
        self.book(conn, "transferred", |o| acts::between(o, debit, credit, amount)).await?;
        Ok(self.done(true, amount, Value::Null))
    }

    /// One case holds what another lacks in the same account of the same partner: nothing is booked,
    /// the account stands as it stood. Whichever of them is left without anything is closed.
    async fn set_off(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let mine = self.case.holding.ok_or(ActError::NoWay { way: Way::SetOff })?;
        let id = self.wish.against.map(BreakId).filter(|id| *id != self.case.id);
        let other = match id {
            Some(id) => reads::break_lock(conn, id).await?,
            None => None,
        };
        let found = other.and_then(|other| {
            let theirs = other.holding.filter(|theirs| {
                theirs.held_in == mine.held_in
                    && theirs.held.is_sign_negative() != mine.held.is_sign_negative()
            })?;
            let fits = other.state.is_open()
                && other.partner == self.case.partner
                && other.amount.currency() == self.case.amount.currency()
                // Of another agency's case only who acts for everybody disposes.
                && (other.scope() == self.case.scope() || self.case.scope() == EVERYTHING);
            fits.then_some((other, theirs))
        });
        let Some((other, theirs)) = found else {
            let detail = "is no open case of the same partner and agency that holds in the same \
                          account what this one lacks, or lacks what it holds";
            return Err(unfit("/against", detail));
        };
        let much = mine.held.abs().min(theirs.held.abs());
        let moved = if mine.held.is_sign_negative() { -much } else { much };
        self.holds(conn, mine.held_in, mine.held - moved).await?;
        let left = theirs.held + moved;
        let why = (self.wish.reason.as_str(), self.taker.author, self.taker.now);
        let holding = Holding { held_in: theirs.held_in, held: left };
        holds::break_hold(conn, other.id, holding, why).await?;
        if left.is_zero() {
            breaks_close(conn, &[other.id.0], self.taker.now).await?;
        }
        let amount = Money::new(much, self.case.amount.currency())
            .map_err(|error| sqlx::Error::Protocol(format!("defect: {error}")))?;
        let outcome = json!({
            "against": other.id, "code": other.code, "account": mine.held_in,
            "left_here": mine.held - moved, "left_there": left,
        });
        Ok(self.done(mine.held == moved, amount, outcome))
    }

    async fn duplicate(&self, conn: &mut PgConnection) -> Result<Done, ActError> {
        let id = self.wish.duplicate_of.map(BreakId);
        let other = match id.filter(|id| *id != self.case.id) {
            Some(id) => reads::break_read(conn, id).await?,
            None => None,
        };
        let same = other.filter(|other| {
            other.partner == self.case.partner && other.scope() == self.case.scope()
        });
        let same = same.ok_or_else(|| {
            unfit("/duplicate_of", "is no other case of the same partner and agency")
        })?;
        Ok(self.done(true, self.case.amount, json!({ "duplicate_of": same.code })))
    }
}
