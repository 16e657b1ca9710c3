//! What use cases are made of, and what can be approved.

use std::sync::Arc;

use super::App;
use crate::approvals::delegations::DelegationKind;
use crate::approvals::endpoints::EndpointKind;
use crate::approvals::kinds::{Kind, Kinds};
use crate::approvals::partners::PartnerKind;
use crate::approvals::people::PersonKind;
use crate::approvals::roles::change::RolesKind;
use crate::callers::approve::KeyKind;
use crate::compat::approve::CompatKind;
use crate::days::kind::Closing;
use crate::days::{self, Days, Hours};
use crate::dispatch::query::Querying;
use crate::dispatch::resolve::ResolveKind;
use crate::invoices::expire::Expiring;
use crate::ledger::accounts::Accounts;
use crate::mail::Mailing;
use crate::operations::sweeps::Sweeping;
use crate::payover::{self, PayingOver};
use crate::platform::egress::Policy;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::{Mode, Settings};
use crate::receipts::Receipts;
use crate::receipts::officers::{About as ReceiptAbout, ReceiptKind};
use crate::receipts::signer::BuiltIn;
use crate::reconciliation::calendar::WorkingDays;
use crate::reconciliation::hand::ByHandKind;
use crate::reconciliation::run::Matching;
use crate::reconciliation::terms::TermsKind;
use crate::refunds;
use crate::refunds::account_approval::RefundAccountKind;
use crate::refunds::door::Refunding;
use crate::refunds::send::Carrying;
use crate::registers::approve::RegistersKind;
use crate::registers::live::LiveDirectory;
use crate::settlements::banked::Telling;
use crate::settlements::told_back::ReverseKind;
use crate::statements::accept::AcceptKind;
use crate::statements::intake::Intake;
use crate::statements::mappings::MappingKind;
use crate::statements::opening::OpeningKind;
use crate::statistics::Statistics;
use crate::vocabulary::clock::SharedClock;

impl App {
    /// Carrying refunds out.
    pub fn carrying(&self) -> Carrying {
        Carrying {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            caller: self.dispatching.caller.clone(),
            orders: refunds::send::Orders {
                directory: self.directory.clone(),
                public_url: self.settings.http.public_url.clone(),
            },
        }
    }

    /// Telling portals of what was seen in the bank.
    pub fn telling(&self) -> Telling {
        Telling { pool: self.pool.clone(), clock: self.clock.clone() }
    }

    /// Writing to payers; none without a server.
    pub fn mailing(&self) -> Option<Mailing> {
        self.settings.mail.is_on().then(|| Mailing {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            keys: Arc::clone(&self.keys),
            settings: Arc::new(self.settings.mail.clone()),
            public_url: self.settings.http.public_url.as_str().into(),
        })
    }

    /// Making receipts, and showing them.
    pub fn receipts(&self) -> Receipts {
        Receipts {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            signer: Arc::new(BuiltIn {
                pool: self.pool.clone(),
                clock: self.clock.clone(),
                keys: Arc::clone(&self.keys),
            }),
            realm: self.settings.realm,
            public_url: self.settings.http.public_url.as_str().into(),
        }
    }

    /// Counting.
    pub fn statistics(&self) -> Statistics {
        Statistics { pool: self.pool.clone(), clock: self.clock.clone() }
    }

    /// What portals do with refunds.
    pub fn refunding(&self) -> Refunding {
        let Carrying { pool, clock, accounts, orders, .. } = self.carrying();
        Refunding { pool, clock, accounts, orders }
    }

    /// Asking partners after orders.
    pub fn querying(&self) -> Querying {
        Querying { dispatching: self.dispatching.clone(), doors: self.partner_doors.clone() }
    }

    /// Days.
    pub fn days(&self) -> Days {
        let Closing { directory, keys, hours } =
            closing(&self.settings, &self.directory, &self.keys);
        Days {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            directory,
            keys,
            kinds: self.kinds.clone(),
            hours,
        }
    }

    /// Paying over to the Treasury.
    pub fn paying_over(&self) -> PayingOver {
        PayingOver {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            directory: self.directory.clone(),
            kinds: self.kinds.clone(),
        }
    }

    /// What waits, and running it now.
    pub fn sweeping(&self) -> Sweeping {
        Sweeping {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            kinds: self.kinds.clone(),
            days: self.days(),
            paying_over: self.paying_over(),
        }
    }

    /// Taking statements and reports in.
    pub fn intake(&self) -> Intake {
        Intake {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            directory: self.directory.clone(),
        }
    }

    /// Expiry.
    pub fn expiring(&self) -> Expiring {
        Expiring {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
        }
    }
}

/// The working days of the registers as they stand, read anew when they change.
pub fn working_days(
    directory: &LiveDirectory,
    accounts: &Arc<Accounts>,
    clock: &SharedClock,
) -> WorkingDays {
    let (directory, accounts, clock) = (directory.clone(), Arc::clone(accounts), clock.clone());
    let known = std::sync::Mutex::new(None);
    WorkingDays::new(move |day| {
        let registers = directory.current();
        let today = accounts.day_of(clock.now());
        let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (_, _, calendar) = match known.take() {
            Some((of, on, calendar)) if Arc::ptr_eq(&of, &registers) && on == today => {
                known.insert((of, on, calendar))
            }
            _ => {
                let calendar = registers.calendar(today);
                known.insert((registers, today, calendar))
            }
        };
        calendar.is_working_day(day)
    })
}

/// What closing a day needs of an installation.
pub fn closing(settings: &Settings, directory: &LiveDirectory, keys: &Arc<MasterKeys>) -> Closing {
    let hours = Hours {
        cut_off: settings.cut_off().unwrap_or(None),
        files_by: settings.files_by().unwrap_or_default(),
    };
    Closing { directory: directory.clone(), keys: Arc::clone(keys), hours }
}

/// What can be approved: each room brings its kinds, here they come together.
pub fn kinds(books: &Arc<Accounts>, matching: &Matching, closing: &Closing) -> Kinds {
    let plain = [
        Arc::new(PersonKind::Add) as Arc<dyn Kind>,
        Arc::new(PersonKind::Reset),
        Arc::new(RolesKind),
        Arc::new(EndpointKind),
        Arc::new(DelegationKind),
        Arc::new(PartnerKind),
        Arc::new(RegistersKind),
        Arc::new(KeyKind),
        Arc::new(ResolveKind) as Arc<dyn Kind>,
        Arc::new(ReceiptKind(ReceiptAbout::Cancel)),
        Arc::new(ReceiptKind(ReceiptAbout::Replace)),
        Arc::new(RefundAccountKind),
        Arc::new(ByHandKind(Arc::new(matching.clone()))),
        Arc::new(TermsKind),
        Arc::new(AcceptKind),
        Arc::new(OpeningKind),
        Arc::new(MappingKind),
        Arc::new(ReverseKind { books: Arc::clone(books) }),
        Arc::new(CompatKind),
    ];
    let kinds = plain.into_iter().chain(refunds::officers::kind::kinds(books, &closing.keys));
    let kinds = kinds.chain(payover::kind::kinds(books, &closing.directory));
    Kinds::new(kinds.chain(days::kind::kinds(closing)))
}

/// Which addresses notices may go to.
pub const fn policy(mode: Mode) -> Policy {
    match mode {
        Mode::Production => Policy::Public,
        Mode::Development => Policy::LoopbackToo,
    }
}
