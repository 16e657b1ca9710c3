//! The doors: `/compat/dvcqg` for the platform's messages, `/compat/paygov` for what is switched off.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sqlx::PgPool;

use super::paygov;
use super::peer::Peer;
use super::reply::{Code, Reply};
use super::signature::{INIT, QUESTION};
use super::store;
use crate::callers::doors::Doors;
use crate::invoices::issue::Issuing;
use crate::partners::dialects::json::Object;
use crate::platform::group::Writer;
use crate::platform::http::{BODY, read_body};
use crate::platform::problem::Problem;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::ClearingSettings;
use crate::receipts::Receipts;

/// Messages in a second that name a MaDoiTac, before anything is known of their sender: far above
/// what a portal may send, so that nobody can use it up for another.
const UNPROVEN: u32 = 2_000;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct CompatDoors {
    /// Registers and clock.
    pub doors: Doors,
    /// For payments.
    pub pool: PgPool,
    /// The issuing writer.
    pub issuing: Writer<Issuing>,
    /// Receipts.
    pub receipts: Receipts,
    /// Keys to seal with.
    pub keys: Arc<MasterKeys>,
    /// Defaults of invoices.
    pub settings: Arc<ClearingSettings>,
}

/// The routes.
pub fn routes(doors: CompatDoors) -> Router {
    Router::new()
        .route("/compat/dvcqg", post(take))
        .route("/compat/paygov", post(paygov::off))
        .with_state(doors)
}

fn json(body: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// One message. Whatever it is, it is answered in the platform's words with 200; only a body that is
/// too large or too often sent is stopped before.
async fn take(State(doors): State<CompatDoors>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_body(body, &parts.headers, BODY).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let now = chrono::SubsecRound::trunc_subsecs(doors.doors.clock().now(), 6);
    let read = std::str::from_utf8(&body).ok().and_then(Object::read);
    let Some(message) = read else {
        let reply = Reply::no(Code::Malformed, "cần một đối tượng JSON");
        return json(reply.body(None, "", now));
    };
    let code = message.text("MaDoiTac").unwrap_or_default();
    if let Err(problem) = doors.doors.allow_address(&format!("compat/{code}"), UNPROVEN) {
        return problem.into_response();
    }
    let reference = message.text("MaThamChieu").unwrap_or_default();
    let (peer, reply) = match doors.answer(&code, &message, now).await {
        Ok(answered) => answered,
        Err(problem) => {
            tracing::error!(?problem, "a message of a dossier system could not be carried out");
            (None, Reply::no(Code::TryLater, "hệ thống đang bận, xin gửi lại"))
        }
    };
    metrics::counter!("payclear_compat_messages_total", "code" => reply.code.as_str()).increment(1);
    json(reply.body(peer.as_ref(), &reference, now))
}

impl CompatDoors {
    async fn answer(
        &self,
        code: &str,
        message: &Object<'_>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<(Option<Peer>, Reply), Problem> {
        let kind = message.text("LoaiBanTin").unwrap_or_default();
        let signed = match kind.as_str() {
            "INIT" => INIT,
            "QUERY" | "GET_BILL" => QUESTION,
            _ => {
                let sentence = "LoaiBanTin: chỉ nhận INIT, QUERY, GET_BILL";
                return Ok((None, Reply::no(Code::Unsupported, sentence)));
            }
        };
        let peer = self.peer(code).await?.filter(|peer| signed.is_genuine(message, &peer.secret));
        let Some(peer) = peer else {
            tracing::info!(partner_code = code, kind, "a message is not signed by who it names");
            let sentence = "MaDoiTac không có, hoặc MaXacThuc không đúng";
            return Ok((None, Reply::no(Code::Signature, sentence)));
        };
        let directory = self.doors.directory();
        let allowed = directory.portal(&peer.portal).map_or(1, |portal| portal.calls_per_second);
        if self.doors.allow_address(&format!("compat-portal/{}", peer.portal), allowed).is_err() {
            return Ok((Some(peer), Reply::no(Code::TryLater, "quá nhiều yêu cầu, xin gửi lại")));
        }
        let reply = match kind.as_str() {
            "INIT" => self.init(&peer, message, now).await?,
            "QUERY" => self.query(&peer, message).await?,
            _ => self.bill(&peer, message).await?,
        };
        Ok((Some(peer), reply))
    }

    /// Who is known by a MaDoiTac.
    async fn peer(&self, code: &str) -> Result<Option<Peer>, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        let sealed = store::portal_sealed(&mut conn, code).await?;
        Ok(sealed.and_then(|(portal, sealed)| open(&portal, &sealed, &self.keys)))
    }
}

/// What was agreed with a portal; none, with a warning, when it cannot be opened.
pub(super) fn open(portal: &str, sealed: &[u8], keys: &MasterKeys) -> Option<Peer> {
    match Peer::open(portal, sealed, keys) {
        Ok(Some(peer)) => Some(peer),
        Ok(None) => {
            tracing::warn!(portal.id = portal, "its compat settings are not taken: configure anew");
            None
        }
        Err(error) => {
            tracing::warn!(portal.id = portal, %error, "its compat settings cannot be opened");
            None
        }
    }
}
