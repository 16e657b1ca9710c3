//! The doors for signed callers: who knocks, whether the signature holds, and how often they may.
//!
//! Every failure is the same 401: whether a key exists, lives, or signed something else is nobody's
//! business but the log's.
//!
//! A signature is judged once. Where something is written, its nonce is used up in that transaction;
//! where a request is refused before or without one, [`spend_refused`] uses it up.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sqlx::PgPool;

use crate::platform::admission::{self, Admission, Nonce, fingerprint};
use crate::platform::http::{self, client_address, read_body};
use crate::platform::message_signature::{
    self, BadIdempotencyKey, BodyDigest, Presented, SignedRequest,
};
use crate::platform::problem::{Problem, ProblemType};
use crate::platform::settings::HttpSettings;
use crate::registers::caller::{Caller, CallerKind, KeyPurpose};
use crate::registers::directory::Directory;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;

/// What a door needs to know.
#[derive(Debug, Clone)]
pub struct Doors {
    directory: LiveDirectory,
    clock: SharedClock,
    public_url: Arc<str>,
    client_address_header: Arc<str>,
    limits: Arc<Limits>,
    /// So many processes share what a caller may do in a second.
    replicas: Arc<AtomicU32>,
}

/// One token bucket for each caller; buckets of callers with another allowance are apart.
#[derive(Debug, Default)]
struct Limits {
    by_rate:
        std::sync::RwLock<std::collections::HashMap<u32, Arc<DefaultKeyedRateLimiter<String>>>>,
}

/// A write that is signed well. Its nonce is not used yet: that is done where it is written.
#[derive(Debug)]
pub struct SignedWrite {
    /// Who.
    pub caller: Caller,
    /// Nonce, key and fingerprint.
    pub admission: Admission,
    /// Headers as received.
    pub headers: HeaderMap,
    /// The body as received.
    pub body: Vec<u8>,
}

/// A write that is signed well, its body still to come.
#[derive(Debug)]
pub struct SignedHead {
    /// Who.
    pub caller: Caller,
    /// The nonce, which is not used yet.
    pub nonce: Nonce,
    /// What was signed of the body.
    pub digest: BodyDigest,
    /// Headers as received.
    pub headers: HeaderMap,
    /// The query as received.
    pub query: String,
    /// The body.
    pub body: Body,
}

/// The nonce of the signed write that a request turned out to be.
#[derive(Debug, Clone, Default)]
struct SignedWith(Arc<OnceLock<Nonce>>);

/// Uses up the nonce of a signed write that was refused without having used it: the same bytes are not
/// judged a second time. An answer that was decided in a transaction is [`http::decided`] and left
/// alone; so is a fault of ours, after which nothing is known.
pub async fn spend_refused(
    State(pool): State<PgPool>,
    mut request: Request,
    next: Next,
) -> Response {
    let signed = SignedWith::default();
    request.extensions_mut().insert(signed.clone());
    let response = next.run(request).await;
    let status = response.status();
    let refusal = status.is_client_error() && status != StatusCode::UNAUTHORIZED;
    let Some(nonce) = signed.0.get().filter(|_| refusal && !http::is_decided(&response)) else {
        return response;
    };
    let used = async {
        let mut conn = pool.acquire().await?;
        admission::use_nonces_in(&mut conn, &[nonce]).await
    };
    match used.await.as_deref() {
        Ok([true]) => response,
        Ok(_) => refused(&"the nonce was used before").into_response(),
        Err(error) => {
            tracing::error!(%error, "the nonce of a refusal cannot be used up");
            Problem::new(ProblemType::Unavailable).retry_after(5).into_response()
        }
    }
}

impl Doors {
    /// Doors of a service that the outside knows as in these settings.
    pub fn new(directory: LiveDirectory, clock: SharedClock, settings: &HttpSettings) -> Self {
        Self {
            directory,
            clock,
            public_url: settings.public_url.as_str().into(),
            client_address_header: settings.client_address_header.as_str().into(),
            limits: Arc::default(),
            replicas: Arc::new(AtomicU32::new(1)),
        }
    }

    /// Callers' allowances are shared out among so many processes.
    pub fn share_among(&self, replicas: u32) {
        self.replicas.store(replicas.max(1), Ordering::Relaxed);
    }

    /// The registers as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.current()
    }

    /// The clock.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The origin that links are built from.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Lets a signed write in: reads at most `most` bytes, checks signature, allowance and key.
    pub async fn signed_write(
        &self,
        request: Request,
        most: usize,
    ) -> Result<SignedWrite, Problem> {
        self.signed(request, most, KeyPurpose::Sign).await
    }

    /// Lets a signed write in whose body is too large to be held: whoever reads it must see that
    /// `digest` covers it before anything is done with it.
    pub fn signed_head(&self, request: Request) -> Result<SignedHead, Problem> {
        let path = path_and_query(&request);
        let address = client_address(&request, &self.client_address_header);
        let query = request.uri().query().unwrap_or("").to_owned();
        let (parts, body) = request.into_parts();
        idempotency_key(&parts.headers)?;
        let signed = SignedRequest {
            method: parts.method.as_str(),
            path_and_query: &path,
            headers: &parts.headers,
        };
        let (caller, presented) = self.authenticate(signed, KeyPurpose::Sign)?;
        self.expected_from(&caller, &address)?;
        self.allow(&caller)?;
        let nonce = Nonce {
            key_id: presented.key_id.to_owned(),
            created: presented.created,
            nonce: presented.nonce.unwrap_or_default().to_owned(),
        };
        if let Some(SignedWith(signed)) = parts.extensions.get() {
            signed.get_or_init(|| nonce.clone());
        }
        let digest = presented.digest();
        Ok(SignedHead { caller, nonce, digest, headers: parts.headers, query, body })
    }

    /// The same for an approval: only a key of that purpose will do.
    pub async fn signed_approval(
        &self,
        request: Request,
        most: usize,
    ) -> Result<SignedWrite, Problem> {
        self.signed(request, most, KeyPurpose::Approve).await
    }

    async fn signed(
        &self,
        request: Request,
        most: usize,
        purpose: KeyPurpose,
    ) -> Result<SignedWrite, Problem> {
        let path = path_and_query(&request);
        let address = client_address(&request, &self.client_address_header);
        let (parts, body) = request.into_parts();
        let key = idempotency_key(&parts.headers)?;
        let signed = SignedRequest {
            method: parts.method.as_str(),
            path_and_query: &path,
            headers: &parts.headers,
        };
        // Strangers send no bodies: who it is is known before one is read.
        let (caller, presented) = self.authenticate(signed, purpose)?;
        self.expected_from(&caller, &address)?;
        self.allow(&caller)?;
        let body = read_body(body, &parts.headers, most).await?;
        presented.covers(&body).map_err(|error| refused(&error))?;
        let nonce = Nonce {
            key_id: presented.key_id.to_owned(),
            created: presented.created,
            nonce: presented.nonce.unwrap_or_default().to_owned(),
        };
        if let Some(SignedWith(signed)) = parts.extensions.get() {
            signed.get_or_init(|| nonce.clone());
        }
        let admission = Admission {
            caller: caller.to_string(),
            nonce,
            key: key.to_owned(),
            fingerprint: fingerprint(parts.method.as_str(), &path, &body),
        };
        let directory = self.directory();
        // A partner that is switched off is offered to nobody; what it collected is still taken in.
        if caller.kind == CallerKind::Portal
            && directory.portal(&caller.code).is_none_or(|portal| !portal.open)
        {
            return Err(Problem::new(ProblemType::CallerClosed));
        }
        Ok(SignedWrite { caller, admission, headers: parts.headers, body })
    }

    /// Lets a signed read in.
    pub fn signed_read(&self, request: &Request) -> Result<Caller, Problem> {
        let path = path_and_query(request);
        let signed = SignedRequest {
            method: request.method().as_str(),
            path_and_query: &path,
            headers: request.headers(),
        };
        let (caller, _) = self.authenticate(signed, KeyPurpose::Sign)?;
        self.expected_from(&caller, &client_address(request, &self.client_address_header))?;
        self.allow(&caller)?;
        Ok(caller)
    }

    fn authenticate<'a>(
        &self,
        signed: SignedRequest<'a>,
        purpose: KeyPurpose,
    ) -> Result<(Caller, Presented<'a>), Problem> {
        let presented =
            Presented::read(signed, self.clock.now()).map_err(|error| refused(&error))?;
        let directory = self.directory();
        // A key that signs may learn that approving takes another; one that approves does nothing else.
        let may = |of: KeyPurpose| of == purpose || of == KeyPurpose::Sign;
        let key = directory.key(presented.key_id).filter(|key| may(key.purpose));
        let mut origins = vec![self.public_url.to_string()];
        let Some(key) = key else {
            // The same work as for a key that is known.
            presented.verify_unknown(&origins);
            return Err(refused(&"unknown key"));
        };
        match key.caller.kind {
            CallerKind::Portal => directory
                .portal(&key.caller.code)
                .into_iter()
                .for_each(|p| origins.extend(p.seen_as.iter().map(ToString::to_string))),
            CallerKind::Partner => directory
                .partner(&key.caller.code)
                .into_iter()
                .for_each(|p| origins.extend(p.seen_as.iter().map(ToString::to_string))),
        }
        if !presented.verify(key.secret.expose(), &origins) {
            return Err(refused(&"the signature does not hold"));
        }
        if key.purpose != purpose {
            return Err(Problem::new(ProblemType::Forbidden).detail("this takes an approval key"));
        }
        Ok((key.caller.clone(), presented))
    }

    /// A partner with a list of addresses calls from one of them; its key alone is not enough.
    fn expected_from(&self, caller: &Caller, address: &str) -> Result<(), Problem> {
        let directory = self.directory();
        let expected = match caller.kind {
            CallerKind::Portal => true,
            CallerKind::Partner => {
                directory.partner(&caller.code).is_some_and(|partner| partner.calls_from(address))
            }
        };
        if expected {
            return Ok(());
        }
        metrics::counter!("payclear_callbacks_of_strangers_total", "partner" => caller.code.clone())
            .increment(1);
        Err(refused(&format_args!("{caller} does not call from {address}")))
    }

    fn allow(&self, caller: &Caller) -> Result<(), Problem> {
        let directory = self.directory();
        let per_second = match caller.kind {
            CallerKind::Portal => directory.portal(&caller.code).map(|p| p.calls_per_second),
            CallerKind::Partner => directory.partner(&caller.code).map(|p| p.calls_per_second),
        };
        let shares = self.replicas.load(Ordering::Relaxed).max(1);
        self.limits.check(&caller.to_string(), per_second.unwrap_or(1).div_ceil(shares))
    }

    /// Forgets callers and addresses that have not called for a while; called now and again.
    pub fn forget_idle(&self) {
        let known = self.limits.by_rate.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        for limiter in known.values() {
            limiter.retain_recent();
        }
    }

    /// Limits calls that are not signed: citizens' pages, by address.
    pub fn allow_address(&self, address: &str, per_second: u32) -> Result<(), Problem> {
        self.limits.check(&format!("address/{address}"), per_second)
    }
}

impl Limits {
    /// A burst of two seconds' worth is let through.
    fn check(&self, caller: &str, per_second: u32) -> Result<(), Problem> {
        let rate = per_second.max(1);
        let limiter = {
            let known = self.by_rate.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            known.get(&rate).cloned()
        };
        let limiter = limiter.unwrap_or_else(|| {
            let mut known = self.by_rate.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            let quota = NonZeroU32::new(rate).map_or(Quota::per_second(NonZeroU32::MIN), |rate| {
                Quota::per_second(rate)
                    .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
            });
            Arc::clone(known.entry(rate).or_insert_with(|| Arc::new(RateLimiter::keyed(quota))))
        });
        limiter.check_key(&caller.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
            metrics::counter!("payclear_calls_limited_total").increment(1);
            Problem::new(ProblemType::TooManyRequests).retry_after(wait.as_secs() + 1)
        })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    message_signature::idempotency_key(headers).map_err(|error| {
        Problem::new(ProblemType::IdempotencyKeyMissing).detail(match error {
            BadIdempotencyKey::Missing => "the header is missing",
            BadIdempotencyKey::Malformed => "the header is not 1 to 255 visible ASCII characters",
        })
    })
}

fn refused(why: &dyn std::fmt::Display) -> Problem {
    tracing::info!(%why, "signature refused");
    metrics::counter!("payclear_signatures_refused_total").increment(1);
    Problem::new(ProblemType::Unauthenticated)
}

/// The path and query bytes as received, also inside nested routers.
fn path_and_query(request: &Request) -> String {
    let uri: &Uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |o| &o.0);
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), |p| p.as_str().to_owned())
}

/// Only portals may do this.
pub fn only_portals(caller: &Caller) -> Result<&str, Problem> {
    match caller.kind {
        CallerKind::Portal => Ok(&caller.code),
        CallerKind::Partner => Err(Problem::new(ProblemType::Forbidden).detail("only portals may")),
    }
}

/// Only partners may do this.
pub fn only_partners(caller: &Caller) -> Result<&str, Problem> {
    match caller.kind {
        CallerKind::Partner => Ok(&caller.code),
        CallerKind::Portal => Err(Problem::new(ProblemType::Forbidden).detail("only partners may")),
    }
}
