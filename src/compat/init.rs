//! INIT: issues the invoice of a payment, and answers with its pay page. The same MaThamChieu again is
//! the same payment; with another amount it is refused.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::json;

use super::http::CompatDoors;
use super::message::{Init, read_init};
use super::peer::Peer;
use super::reply::{Code, Reply};
use super::results::RESULT_DUE;
use super::store::{self, Payment};
use crate::invoices::issue::{self, Form, Issued};
use crate::invoices::request::{Checker, IssueRequest};
use crate::invoices::store::invoice_read;
use crate::partners::dialects::json::Object;
use crate::platform::admission::{Admission, Nonce, StoredAnswer, fingerprint};
use crate::platform::due;
use crate::platform::problem::Problem;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::InvoiceId;

/// Nobody pays faster.
const FIRST_LOOK: Duration = Duration::seconds(2);

/// What is read of the answer of the invoices' room.
#[derive(Deserialize)]
struct View {
    id: InvoiceId,
    pay_url: String,
}

#[derive(Deserialize)]
struct Why {
    detail: Option<String>,
}

impl CompatDoors {
    /// Carries an INIT out whose signature was found right.
    pub(super) async fn init(
        &self,
        peer: &Peer,
        message: &Object<'_>,
        now: DateTime<Utc>,
    ) -> Result<Reply, Problem> {
        let directory = self.doors.directory();
        if !directory.portal(&peer.portal).is_some_and(|portal| portal.open) {
            return Ok(Reply::no(Code::Unsupported, "cổng này đang đóng, không tạo giao dịch mới"));
        }
        let day = BusinessDay::of(now, None);
        let init = match read_init(message, peer, &directory, day) {
            Ok(init) => init,
            Err(reply) => return Ok(reply),
        };
        if let Some(reply) = self.known(peer, &init).await? {
            return Ok(reply);
        }
        let admission = admission(peer, &init, now);
        let Init { reference, description, request, .. } = init;
        let checker =
            Checker { directory: &directory, keys: &self.keys, settings: &self.settings, now, day };
        let draft = match checker.draft(&peer.portal, request, "") {
            Ok(draft) => draft,
            Err(faults) => {
                let told: Vec<String> =
                    faults.iter().map(|f| format!("{} {}", f.pointer, f.detail)).collect();
                return Ok(Reply::no(Code::Malformed, told.join("; ")));
            }
        };
        let request = issue::Request { admission, rows: vec![Ok(draft)], form: Form::Single };
        let issued = self.issuing.submit(request).await?;
        let view = match issued {
            Issued::Answer(answer) => match read(&answer) {
                Ok(view) => view,
                Err(reply) => return Ok(reply),
            },
            Issued::Refused(problem) => return Ok(refused(problem.status(), None)),
        };
        let payment = Payment {
            portal: peer.portal.clone(),
            reference,
            invoice: view.id,
            description,
            asked_at: now,
            state: "open".to_owned(),
            tries: 0,
        };
        self.keep(&payment, now).await?;
        Ok(page(&view.pay_url))
    }

    /// The answer to a payment that was asked for before.
    async fn known(&self, peer: &Peer, init: &Init) -> Result<Option<Reply>, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        let known = store::payment_read(&mut conn, &peer.portal, &init.reference).await?;
        let Some(known) = known else { return Ok(None) };
        let Some(invoice) = invoice_read(&mut conn, known.invoice).await? else { return Ok(None) };
        let same = invoice.amount == init.amount && invoice.agency == init.request.agency;
        if !same || known.description != init.description {
            let sentence = "MaThamChieu đã dùng cho một giao dịch có nội dung khác";
            return Ok(Some(Reply::no(Code::OtherContent, sentence)));
        }
        let url = format!("{}{}", self.doors.public_url(), invoice.pay_path());
        Ok(Some(page(&url)))
    }

    /// Enters the payment, and has it looked at until it is paid.
    async fn keep(&self, payment: &Payment, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        store::payment_insert(&mut tx, payment).await?;
        due::put_if_none_in(&mut tx, RESULT_DUE, payment.invoice.0, now + FIRST_LOOK).await?;
        tx.commit().await
    }
}

fn page(url: &str) -> Reply {
    Reply::ok(vec![("UrlThanhToan", json!(url))])
}

/// One payment is one request, whenever and however often it comes: ThoiGianGD is not part of it.
fn admission(peer: &Peer, init: &Init, now: DateTime<Utc>) -> Admission {
    let IssueRequest { dossier, agency, procedure, .. } = &init.request;
    let amount = init.amount.minor_units();
    let content = format!("{amount}\n{dossier}\n{agency}\n{procedure}\n{}", init.description);
    Admission {
        caller: format!("compat/{}", peer.portal),
        nonce: Nonce {
            key_id: format!("compat/{}", peer.portal),
            created: now.timestamp(),
            nonce: hex::encode(rand::random::<[u8; 16]>()),
        },
        key: init.reference.clone(),
        fingerprint: fingerprint("INIT", &init.reference, content.as_bytes()),
    }
}

fn read(answer: &StoredAnswer) -> Result<View, Reply> {
    let taken = matches!(answer.status, 200 | 201);
    let view = taken.then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    view.ok_or_else(|| {
        let why: Option<Why> = serde_json::from_slice(&answer.body).ok();
        refused(answer.status, why.and_then(|why| why.detail))
    })
}

fn refused(status: u16, why: Option<String>) -> Reply {
    let why = why.unwrap_or_default();
    match status {
        // The key of another content, or the dossier billed over another amount.
        409 | 422 => {
            Reply::no(Code::OtherContent, format!("giao dịch đã có với nội dung khác. {why}"))
        }
        400..=499 => Reply::no(Code::Malformed, format!("không nhận được yêu cầu này. {why}")),
        _ => Reply::no(Code::TryLater, "hệ thống đang bận, xin gửi lại"),
    }
}
