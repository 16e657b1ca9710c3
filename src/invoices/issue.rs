//! Issuing: claims the fee, and commits invoice, order for the standing bank, step, message and
//! answer together. One request is one item of the grouping writer, also a batch of 1,000.
//!
//! The same dossier and fee again returns the invoice that stands; another amount is refused,
//! naming it. Who is first is decided by the claim's primary key alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::{Asker, Attempt};
use super::invoice::Invoice;
use super::request::Draft;
use super::status::Status;
use super::view::InvoiceView;
use super::{claim, store};
use crate::partners::Partner;
use crate::platform::admission::{self, Admission, Admitted, StoredAnswer};
use crate::platform::event::{self, Event};
use crate::platform::group::Work;
use crate::platform::outbox::{self, Message};
use crate::platform::problem::{FieldError, Problem, ProblemType};
use crate::vocabulary::clock::SharedClock;

/// The writer's work.
#[derive(Debug)]
pub struct Issuing {
    /// The clock.
    pub clock: SharedClock,
    /// What links are built from.
    pub public_url: String,
}

/// One row of a request: an invoice to issue, or what is wrong with it.
pub type Row = Result<Draft, Vec<FieldError>>;

/// One request.
#[derive(Debug)]
pub struct Request {
    /// Its admission.
    pub admission: Admission,
    /// Its rows.
    pub rows: Vec<Row>,
    /// A batch gets an answer for each row; a single request the answer itself.
    pub form: Form,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The one invoice, or the one problem.
    Single,
    /// A list with a result for each row.
    Batch,
}

/// What a caller gets.
#[derive(Debug)]
pub enum Issued {
    /// This answer, also when it was stored before.
    Answer(StoredAnswer),
    /// Refused before anything: nonce used, key reused.
    Refused(Problem),
}

impl Work for Issuing {
    type Item = Request;
    type Outcome = Issued;
    const NAME: &'static str = "issue";

    async fn run(
        &self,
        conn: &mut PgConnection,
        requests: &[Request],
    ) -> Result<Vec<Issued>, sqlx::Error> {
        let now = self.clock.now();
        let admissions: Vec<&Admission> = requests.iter().map(|r| &r.admission).collect();
        let admitted = admission::admit_in(conn, &admissions).await?;
        let drafts: Vec<&Draft> = requests
            .iter()
            .zip(&admitted)
            .filter(|(_, admitted)| **admitted == Admitted::Fresh)
            .flat_map(|(request, _)| request.rows.iter().filter_map(|row| row.as_ref().ok()))
            .collect();
        let invoices: Vec<&Invoice> = drafts.iter().map(|d| &d.invoice).collect();
        let (won, standing) = claim_all(conn, &invoices).await?;
        let mut writes = Writes::default();
        for draft in drafts.iter().filter(|d| won.contains(&d.invoice.id.0)) {
            writes.take(draft, now);
        }
        let outcomes = self.answers(requests, admitted, &won, &standing);
        let attempts: Vec<&Attempt> = writes.attempts.iter().collect();
        store::invoices_insert(conn, &writes.invoices).await?;
        store::attempts_insert(conn, &attempts).await?;
        event::record_in(conn, &writes.events).await?;
        outbox::record_in(conn, &writes.messages, now).await?;
        let stored: Vec<(&Admission, &StoredAnswer)> = requests
            .iter()
            .zip(&outcomes)
            .filter_map(|(request, outcome)| match outcome {
                (Issued::Answer(answer), Freshness::Fresh) => Some((&request.admission, answer)),
                _ => None,
            })
            .collect();
        admission::store_in(conn, &stored, now).await?;
        metrics::counter!("payclear_invoices_issued_total").increment(writes.invoices.len() as u64);
        Ok(outcomes.into_iter().map(|(outcome, _)| outcome).collect())
    }

    fn committed(&self) {
        outbox::WRITTEN.notify_one();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Repeat,
}

/// What a group writes, besides claims and answers.
#[derive(Default)]
struct Writes<'a> {
    invoices: Vec<&'a Invoice>,
    attempts: Vec<Attempt>,
    events: Vec<Event>,
    messages: Vec<Message>,
}

impl<'a> Writes<'a> {
    fn take(&mut self, draft: &'a Draft, now: DateTime<Utc>) {
        let invoice = &draft.invoice;
        let actor = format!("portal/{}", invoice.portal);
        self.events.push(invoice.event("invoice.issued", &actor, now, &serde_json::Value::Null));
        let wanting = |partner: &&Arc<Partner>| {
            partner.dialect.as_ref().is_some_and(|dialect| dialect.wants_orders())
        };
        let order = draft.standing.as_ref().filter(wanting).and_then(|partner| {
            Attempt::new(invoice, partner, Asker::NOBODY, invoice.issued_at, invoice.expires_at)
        });
        if let Some(order) = order {
            self.messages.push(Message { trace: draft.trace.clone(), ..order.message() });
            self.attempts.push(order);
        }
        self.invoices.push(invoice);
    }
}

/// A claim that was lost to an invoice which has ended since is taken so often.
const TRIES: usize = 3;

/// Takes the claims: which drafts won theirs, and what stands for those that lost.
///
/// Between the insert that loses and the look at the winner, its claim may go, and so may its standing
/// between the look at the claim and the one at the invoice: it expired or was cancelled. The fee is
/// free then, and is claimed once more.
async fn claim_all(
    conn: &mut PgConnection,
    drafts: &[&Invoice],
) -> Result<(HashSet<Uuid>, HashMap<Uuid, Invoice>), sqlx::Error> {
    let mut won = HashSet::new();
    let mut standing = HashMap::new();
    let mut left: Vec<&Invoice> = drafts.to_vec();
    for _ in 0..TRIES {
        if left.is_empty() {
            break;
        }
        won.extend(claim::claims_insert(conn, &left).await?);
        standing = standing_invoices(conn, drafts, &won).await?;
        left.retain(|i| !won.contains(&i.id.0) && !standing.contains_key(&i.id.0));
    }
    Ok((won, standing))
}

/// For each draft that lost its claim: the invoice that stands. Those that won in this very group
/// are not in the database yet; they are among the drafts.
async fn standing_invoices(
    conn: &mut PgConnection,
    drafts: &[&Invoice],
    won: &HashSet<Uuid>,
) -> Result<HashMap<Uuid, Invoice>, sqlx::Error> {
    let losers: Vec<&Invoice> = drafts.iter().copied().filter(|i| !won.contains(&i.id.0)).collect();
    if losers.is_empty() {
        return Ok(HashMap::new());
    }
    let winners = claim::claims_read(conn, &losers).await?;
    let ids: Vec<Uuid> = winners.iter().map(|(_, id)| *id).filter(|id| !won.contains(id)).collect();
    let mut found: HashMap<Uuid, Invoice> =
        store::invoices_read(conn, &ids).await?.into_iter().map(|i| (i.id.0, i)).collect();
    // A later look than the one at the claims: what has ended in between has given its claim up.
    found.retain(|_, invoice| !matches!(invoice.status, Status::Cancelled | Status::Expired));
    for draft in drafts.iter().filter(|i| won.contains(&i.id.0)) {
        found.insert(draft.id.0, (*draft).clone());
    }
    Ok(winners
        .into_iter()
        .filter_map(|(place, id)| Some((losers.get(place)?.id.0, found.get(&id)?.clone())))
        .collect())
}

impl Issuing {
    /// Renders every answer before anything is written.
    fn answers(
        &self,
        requests: &[Request],
        admitted: Vec<Admitted>,
        won: &HashSet<Uuid>,
        standing: &HashMap<Uuid, Invoice>,
    ) -> Vec<(Issued, Freshness)> {
        let mut answers: Vec<(Issued, Freshness)> = Vec::with_capacity(requests.len());
        for (request, admitted) in requests.iter().zip(admitted) {
            let refused = |kind| (Issued::Refused(Problem::new(kind)), Freshness::Repeat);
            answers.push(match admitted {
                Admitted::Fresh => {
                    let rows: Option<Vec<StoredAnswer>> =
                        request.rows.iter().map(|row| self.row(row, won, standing)).collect();
                    match rows {
                        Some(rows) => {
                            (Issued::Answer(put_together(rows, request.form)), Freshness::Fresh)
                        }
                        // One row that is not decided leaves the whole request undecided: nothing is
                        // stored, and the same again tells of every row.
                        None => undecided(),
                    }
                }
                Admitted::Stored(answer) => (Issued::Answer(answer), Freshness::Repeat),
                Admitted::CopyOf(place) => match answers.get(place) {
                    Some((Issued::Answer(answer), _)) => {
                        (Issued::Answer(answer.clone()), Freshness::Repeat)
                    }
                    _ => undecided(),
                },
                Admitted::NonceUsed => refused(ProblemType::Unauthenticated),
                Admitted::OtherContent => refused(ProblemType::IdempotencyKeyReused),
            });
        }
        answers
    }

    /// The answer to one row; none when it cannot be decided now.
    fn row(
        &self,
        row: &Row,
        won: &HashSet<Uuid>,
        standing: &HashMap<Uuid, Invoice>,
    ) -> Option<StoredAnswer> {
        let problem =
            |problem: Problem| StoredAnswer { status: problem.status(), body: problem.to_json() };
        let draft = match row {
            Ok(draft) => draft,
            Err(faults) => return Some(problem(Problem::invalid(faults.clone()))),
        };
        if won.contains(&draft.invoice.id.0) {
            let body = InvoiceView::of(&draft.invoice, &self.public_url).to_json();
            return Some(StoredAnswer { status: 201, body });
        }
        // A claim that went each time it was looked at leaves nothing to name.
        let first = standing.get(&draft.invoice.id.0)?;
        if first.amount == draft.invoice.amount {
            let body = InvoiceView::of(first, &self.public_url).to_json();
            return Some(StoredAnswer { status: 200, body });
        }
        Some(problem(
            Problem::new(ProblemType::DossierAlreadyBilled)
                .detail(format!(
                    "the fee {:?} of dossier {:?} has invoice {} over {:?}",
                    first.fee, first.dossier, first.code, first.amount
                ))
                .invoice(first.code.as_str()),
        ))
    }
}

/// Nothing is stored: the same request may be sent again.
fn undecided() -> (Issued, Freshness) {
    let problem = Problem::new(ProblemType::InProgress).retry_after(1);
    (Issued::Refused(problem), Freshness::Repeat)
}

fn put_together(mut rows: Vec<StoredAnswer>, form: Form) -> StoredAnswer {
    match form {
        Form::Single => rows.pop().unwrap_or(StoredAnswer { status: 500, body: Vec::new() }),
        Form::Batch => {
            let mut body = b"{\"results\":[".to_vec();
            for (place, row) in rows.iter().enumerate() {
                if place > 0 {
                    body.push(b',');
                }
                body.extend(format!("{{\"status\":{},\"body\":", row.status).bytes());
                body.extend(&row.body);
                body.push(b'}');
            }
            body.extend(b"]}");
            StoredAnswer { status: 200, body }
        }
    }
}
