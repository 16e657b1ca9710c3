//! `payclear request`: signs a request as a portal or a bank would, sends it, shows the answer.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::platform::egress;
use crate::platform::message_signature::{CannotSign, SigningKey, Unsigned, sign};
use crate::platform::seal::Secret;
use crate::vocabulary::clock::Clock;

const WHOLE_CALL: Duration = Duration::from_mins(1);
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Sends a signed request and shows the answer.
#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// GET, POST, ...
    method: String,
    /// Path and query, for example /v1/invoices?limit=5
    path: String,
    /// A file, - for standard input, or JSON that begins with { or [
    #[arg(long)]
    body: Option<String>,
    /// Names the effect, so that a repeat has none; drawn for every write when not given
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A further header, 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Whose key signs: PORTAL_KEY_ID and PORTAL_SECRET, or BANK_KEY_ID and BANK_SECRET
    #[arg(long = "as", value_enum, value_name = "CALLER", default_value_t)]
    caller: Caller,
    /// The key's id, instead of the caller's
    #[arg(long)]
    key_id: Option<String>,
    /// The key's secret in base64, instead of the caller's; other users of the machine can read
    /// a command line
    #[arg(long)]
    secret: Option<String>,
    /// Where the service answers
    #[arg(long, env = "PAYCLEAR_URL")]
    url: Option<String>,
    /// Also shows, on standard error, what was signed and all headers
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    keys: Keys,
}

/// Who signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Caller {
    /// A portal.
    #[default]
    Portal,
    /// A bank or wallet.
    Bank,
}

/// The keys of the environment; as options they are not offered.
#[derive(clap::Args)]
struct Keys {
    #[arg(long, env = "PORTAL_KEY_ID", hide = true)]
    portal_key_id: Option<String>,
    #[arg(long, env = "PORTAL_SECRET", hide = true)]
    portal_secret: Option<String>,
    #[arg(long, env = "BANK_KEY_ID", hide = true)]
    bank_key_id: Option<String>,
    #[arg(long, env = "BANK_SECRET", hide = true)]
    bank_secret: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Why no answer was shown.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No address of the service.
    #[error("where does payclear answer? give --url or set PAYCLEAR_URL")]
    NoUrl,
    /// The address and the path make no URL.
    #[error("{0:?} is not an address of http or https")]
    BadUrl(String),
    /// The path is not one.
    #[error("a path begins with /, for example /v1/invoices; {0:?} does not")]
    BadPath(String),
    /// The method is none.
    #[error("{0:?} is not an HTTP method")]
    BadMethod(String),
    /// No key.
    #[error("whose key signs? give --key-id and --secret, or set {0} and {1}")]
    NoKey(&'static str, &'static str),
    /// The secret is not base64.
    #[error("the secret is not base64")]
    BadSecret,
    /// A header that is none.
    #[error("{0:?} is not a header; write 'Name: value'")]
    BadHeader(String),
    /// The idempotency key cannot be sent.
    #[error("the idempotency key holds characters that a header cannot")]
    BadIdempotencyKey,
    /// The body cannot be read.
    #[error("cannot read the body from {from}: {source}")]
    Body {
        /// The file's name, or `-`.
        from: String,
        /// Why.
        source: std::io::Error,
    },
    /// The request is outside the profile.
    #[error(transparent)]
    CannotSign(#[from] CannotSign),
    /// The service was not reached, or broke off.
    #[error("no answer from {url}: {cause}")]
    NoAnswer {
        /// The address that was called.
        url: String,
        /// The innermost cause, which is the one that tells something.
        cause: String,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

/// Signs, sends and shows. Success is an answer of the 200s.
pub async fn run(args: RequestArgs, clock: &dyn Clock) -> Result<ExitCode, RequestError> {
    let method = args.method.to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| RequestError::BadMethod(args.method.clone()))?;
    let url = address(args.url.as_deref(), &args.path)?;
    let (key_id, secret) = key(&args)?;
    let body = args.body.as_deref().map(body).transpose()?;
    let mut headers = extra_headers(&args.headers)?;

    let read = matches!(method, Method::GET | Method::HEAD);
    let idempotency_key = args
        .idempotency_key
        .clone()
        .or_else(|| (!read).then(|| uuid::Uuid::from_bytes(rand::random()).to_string()));
    if let Some(key) = &idempotency_key {
        let value = key.parse().map_err(|_| RequestError::BadIdempotencyKey)?;
        headers.insert(IDEMPOTENCY_KEY, value);
    }
    if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = body.unwrap_or_default();
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let signed = sign(
        &Unsigned {
            method: method.as_str(),
            target_uri: url.as_str(),
            idempotency_key: idempotency_key.as_deref(),
            body: &body,
        },
        SigningKey { id: &key_id, secret: secret.expose() },
        clock.now().timestamp(),
        (!read).then_some(nonce.as_str()),
    )?;
    for (name, value) in &signed.headers {
        let bad = |_| RequestError::BadHeader(format!("{name}: {value}"));
        headers.insert(*name, value.parse().map_err(bad)?);
    }
    if args.verbose {
        let mut log = std::io::stderr().lock();
        writeln!(log, "Signed:\n{}\n", indented(&signed.base))?;
        writeln!(log, "{method} {url}\n{}", shown(&headers))?;
    }

    let no_answer = |error: reqwest::Error| RequestError::NoAnswer {
        url: url.to_string(),
        cause: innermost(&error),
    };
    let client = egress::partner_client().map_err(no_answer)?;
    let request = client.request(method, url.clone()).headers(headers).timeout(WHOLE_CALL);
    let answer = request.body(body).send().await.map_err(no_answer)?;
    let status = answer.status();
    if args.verbose || !status.is_success() {
        let mut log = std::io::stderr().lock();
        writeln!(log, "{status}")?;
        if args.verbose {
            writeln!(log, "{}", shown(answer.headers()))?;
        }
    }
    let content = answer.bytes().await.map_err(no_answer)?;
    show(&content)?;
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The address to call; what is signed is its text as it will be sent.
fn address(origin: Option<&str>, path: &str) -> Result<Url, RequestError> {
    let origin = origin.ok_or(RequestError::NoUrl)?;
    if !path.starts_with('/') {
        return Err(RequestError::BadPath(path.to_owned()));
    }
    let text = format!("{}{path}", origin.trim_end_matches('/'));
    match Url::parse(&text) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            // A fragment is not sent, so it is not signed.
            url.set_fragment(None);
            Ok(url)
        }
        _ => Err(RequestError::BadUrl(text)),
    }
}

fn key(args: &RequestArgs) -> Result<(String, Secret), RequestError> {
    let (names, id, secret) = match args.caller {
        Caller::Portal => {
            (("PORTAL_KEY_ID", "PORTAL_SECRET"), &args.keys.portal_key_id, &args.keys.portal_secret)
        }
        Caller::Bank => {
            (("BANK_KEY_ID", "BANK_SECRET"), &args.keys.bank_key_id, &args.keys.bank_secret)
        }
    };
    let missing = || RequestError::NoKey(names.0, names.1);
    let id = args.key_id.clone().or_else(|| id.clone()).ok_or_else(missing)?;
    let secret = args.secret.as_ref().or(secret.as_ref()).ok_or_else(missing)?;
    let secret = Secret::from_base64(secret).map_err(|_| RequestError::BadSecret)?;
    Ok((id, secret))
}

fn body(from: &str) -> Result<Vec<u8>, RequestError> {
    let failed = |source| RequestError::Body { from: from.to_owned(), source };
    if from.starts_with(['{', '[']) {
        Ok(from.as_bytes().to_vec())
    } else if from == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    } else {
        std::fs::read(from).map_err(failed)
    }
}

fn extra_headers(lines: &[String]) -> Result<HeaderMap, RequestError> {
    let header = |line: &String| -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    lines.iter().map(|l| header(l).ok_or_else(|| RequestError::BadHeader(l.clone()))).collect()
}

/// JSON is laid out for people, its fields sorted, on a terminal; elsewhere the answer is left byte
/// for byte as it came.
fn show(content: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        match serde_json::from_slice::<serde_json::Value>(content) {
            Ok(value) => writeln!(out, "{value:#}")?,
            Err(_) => out.write_all(content)?,
        }
    } else {
        out.write_all(content)?;
    }
    out.flush()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn shown(headers: &HeaderMap) -> String {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("  {name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
