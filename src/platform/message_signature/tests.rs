use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use rand::{RngExt, SeedableRng};

use super::*;

const NOW: i64 = 1_793_500_000;
const SECRET: &[u8] = &[7; 32];
const ORIGIN: &str = "https://pay.gov.example";
const BODY: &[u8] = br#"{"dossier":"H01.2026.000123"}"#;
const METHODS: [&str; 7] = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "HEAD"];

/// A request that can be bent before it is checked.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn request(&self) -> SignedRequest<'_> {
        SignedRequest { method: self.method, path_and_query: &self.path, headers: &self.headers }
    }

    /// `Ok(genuine)` once it is well formed.
    fn check_at(&self, now: i64) -> Result<bool, Refused> {
        let now = DateTime::from_timestamp(now, 0).expect("a time");
        let presented = Presented::read(self.request(), now)?;
        presented.covers(&self.body)?;
        Ok(presented.verify(SECRET, &["https://other.example", ORIGIN]))
    }

    fn check(&self) -> Result<bool, Refused> {
        self.check_at(NOW)
    }

    fn get(&self, name: &str) -> String {
        self.headers[name].to_str().expect("ascii").to_owned()
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().expect("a value"));
    }

    fn replaced(&self, name: &'static str, from: &str, to: &str) -> Self {
        let mut bent = self.clone();
        assert!(self.get(name).contains(from), "{name} holds no {from}");
        bent.set(name, &self.get(name).replacen(from, to, 1));
        bent
    }
}

fn sent(method: &'static str) -> Sent {
    let read = is_read(method);
    let path = "/v1/invoices?dossier=H%C3%A0&x=1".to_owned();
    let body = if read { Vec::new() } else { BODY.to_vec() };
    let unsigned = Unsigned {
        method,
        target_uri: &format!("{ORIGIN}{path}"),
        idempotency_key: (!read).then_some("\"k-1\""),
        body: &body,
    };
    let key = SigningKey { id: "portal-1", secret: SECRET };
    let signed = sign(&unsigned, key, NOW, (!read).then_some("n-0001")).expect("signs");
    let mut headers: HeaderMap = signed
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")))
        .collect();
    if !read {
        headers.insert("idempotency-key", HeaderValue::from_static("\"k-1\""));
    }
    Sent { method, path, headers, body }
}

/// Signs by hand what `sign` would not: any text as parameters.
fn resigned(from: &Sent, parameters: &str) -> Sent {
    let mut bent = from.clone();
    let mut base = String::new();
    let list = parameters.split_once(')').expect("a list").0.trim_start_matches('(');
    for name in list.split(' ').filter(|name| !name.is_empty()) {
        let value = match name.trim_matches('"') {
            "@method" => from.method.to_owned(),
            "@target-uri" => format!("{ORIGIN}{}", from.path),
            "@path" => "/v1/invoices".to_owned(),
            header => from.headers.get(header).map_or(String::new(), |_| from.get(header)),
        };
        base.extend([name, ": ", &value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", parameters]);
    let mac = keyed(SECRET).chain_update(base).finalize().into_bytes();
    bent.set("signature-input", &format!("x={parameters}"));
    bent.set("signature", &format!("x=:{}:", STANDARD.encode(mac)));
    bent
}

const ALL: &str = r#"("@method" "@target-uri" "content-digest" "idempotency-key")"#;

fn with_parameters(parameters: &str) -> Result<bool, Refused> {
    resigned(&sent("POST"), &format!("{ALL}{parameters}")).check()
}

#[test]
fn a_signed_request_of_every_method_is_accepted() {
    for method in METHODS {
        let sent = sent(method);
        assert_eq!(sent.check(), Ok(true), "{method}");
        let presented =
            Presented::read(sent.request(), DateTime::from_timestamp(NOW, 0).expect("t"));
        let presented = presented.expect("well formed");
        assert_eq!((presented.key_id, presented.created), ("portal-1", NOW));
        assert_eq!(presented.nonce, (!is_read(method)).then_some("n-0001"));
        assert!(!presented.verify(&[8; 32], &[ORIGIN]), "another secret");
        assert!(!presented.verify(SECRET, &["http://pay.gov.example"]), "another scheme");
        assert!(!presented.verify::<&str>(SECRET, &[]), "no origin");
        assert!(!presented.verify_unknown(&[ORIGIN]));
        let many: Vec<String> = (0..9).map(|i| format!("https://{i}.example")).collect();
        assert!(!presented.verify(SECRET, &many));
        assert!(presented.verify(SECRET, &[many, vec![format!("{ORIGIN}/")]].concat()));
    }
}

#[test]
fn an_empty_body_is_signed_as_well() {
    let mut empty = sent("DELETE");
    empty.body.clear();
    assert_eq!(empty.check(), Err(Refused::Digest));
    empty.set("content-digest", &digest::content_digest(b""));
    let empty = resigned(&empty, &format!("{ALL};created={NOW};keyid=\"k\";nonce=\"n\""));
    assert_eq!(empty.check(), Ok(true));
}

#[test]
fn the_order_of_components_and_parameters_is_the_callers() {
    let list = r#"("idempotency-key" "content-digest" "@target-uri" "@method")"#;
    let text = format!("{list};nonce=\"n\";tag=\"payclear\";keyid=\"k 1\";created={NOW}");
    assert_eq!(resigned(&sent("PUT"), &text).check(), Ok(true));
    let text =
        format!("(\"@target-uri\" \"@method\");created={NOW};keyid=\"k\";alg=\"hmac-sha256\"");
    assert_eq!(resigned(&sent("GET"), &text).check(), Ok(true));
}

#[test]
fn another_request_than_the_signed_one_is_refused() {
    let good = sent("POST");
    let mut bent = good.clone();
    bent.method = "PUT";
    assert_eq!(bent.check(), Ok(false), "method");
    for path in ["/v1/invoices", "/v1/invoices?dossier=Hà&x=1", "/v1/invoices?dossier=H%c3%a0&x=1"]
    {
        let bent = Sent { path: path.to_owned(), ..good.clone() };
        assert_eq!(bent.check(), Ok(false), "{path}");
    }
    let bent = Sent { body: b"{}".to_vec(), ..good.clone() };
    assert_eq!(bent.check(), Err(Refused::Digest), "body");
    let mut both = bent.clone();
    both.set("content-digest", &digest::content_digest(b"{}"));
    assert_eq!(both.check(), Ok(false), "body and digest");
    for (name, from, to) in [
        ("idempotency-key", "k-1", "k-2"),
        ("idempotency-key", "\"k-1\"", "k-1"),
        ("signature-input", "portal-1", "portal-2"),
        ("signature-input", "n-0001", "n-0002"),
        ("signature-input", "1793500000", "1793500001"),
        ("signature-input", ";alg=\"hmac-sha256\"", ""),
        ("signature-input", "\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\""),
    ] {
        assert_eq!(good.replaced(name, from, to).check(), Ok(false), "{name} {to}");
    }
    let read = sent("GET");
    assert_eq!(Sent { body: b"x".to_vec(), ..read.clone() }.check(), Err(Refused::UnsignedBody));
    assert_eq!(Sent { method: "POST", ..read }.check(), Err(Refused::Components), "upgraded");
    assert_eq!(Sent { method: "GET", ..good }.check(), Err(Refused::Components), "downgraded");
}

#[test]
fn a_header_that_is_missing_or_repeated_is_refused() {
    for name in ["content-digest", "idempotency-key", "signature-input", "signature"] {
        let mut bent = sent("POST");
        let value = bent.headers[name].clone();
        bent.headers.append(name, value);
        assert_eq!(bent.check(), Err(Refused::Repeated(name)));
        bent.headers.remove(name);
        assert_eq!(bent.check(), Err(Refused::Missing(name)));
    }
}

#[test]
fn exactly_one_signature_is_taken() {
    let good = sent("POST");
    let once_renamed = good.replaced("signature-input", "sig1=", "sig2=");
    assert_eq!(once_renamed.check(), Err(Refused::NotOneSignature));
    assert_eq!(once_renamed.replaced("signature", "sig1=", "sig2=").check(), Ok(true), "any label");
    for name in ["signature", "signature-input"] {
        let mut two = good.clone();
        let one = good.get(name);
        two.set(name, &format!("{one}, {}", one.replacen("sig1", "sig2", 1)));
        assert_eq!(two.check(), Err(Refused::NotOneSignature), "{name}");
    }
    for label in ["Sig", "1", "", "sig 1", "\"sig\""] {
        let bent = good.replaced("signature-input", "sig1=", &format!("{label}="));
        let bent = bent.replaced("signature", "sig1=", &format!("{label}="));
        assert_eq!(bent.check(), Err(Refused::Malformed("signature-input")), "{label}");
    }
}

#[test]
fn other_components_than_those_of_the_method_are_refused() {
    let tail = format!(";created={NOW};keyid=\"k\";nonce=\"n\"");
    let names = ["\"@method\"", "\"@target-uri\"", "\"content-digest\"", "\"idempotency-key\""];
    for missing in 0..names.len() {
        let mut fewer = names.to_vec();
        fewer.remove(missing);
        let bent = resigned(&sent("POST"), &format!("({}){tail}", fewer.join(" ")));
        assert_eq!(bent.check(), Err(Refused::Components), "without {}", names[missing]);
    }
    for more in ["\"@path\"", "\"content-type\"", "\"@method\"", "\"@Method\"", "\"\""] {
        let bent = resigned(&sent("POST"), &format!("({} {more}){tail}", names.join(" ")));
        assert_eq!(bent.check(), Err(Refused::Components), "with {more}");
    }
    for list in
        ["()", "(\"@method\")", "(\"@target-uri\")", ALL, "(\"@method\" \"content-digest\")"]
    {
        let bent = resigned(&sent("GET"), &format!("{list}{tail}"));
        assert_eq!(bent.check(), Err(Refused::Components), "{list}");
    }
    for malformed in [
        "(\"@method\";req \"@target-uri\")",
        "(\"@method\"  \"@target-uri\")",
        "( \"@method\")",
        "(\"@method\" )",
        "(@method)",
        "(\"@method\"",
        "\"@method\"",
    ] {
        let mut bent = sent("GET");
        bent.set("signature-input", &format!("sig1={malformed}{tail}"));
        assert!(bent.check().is_err_and(|why| why != Refused::TooOld), "{malformed}");
    }
}

#[test]
fn parameters_are_strict() {
    let good = format!(";created={NOW};keyid=\"k\";nonce=\"n\"");
    assert_eq!(with_parameters(&good), Ok(true));
    for (more, why) in [
        (";alg=\"hmac-sha512\"", Refused::Algorithm),
        (";alg=\"none\"", Refused::Algorithm),
        (";alg=\"\"", Refused::Algorithm),
        (";tag=\"other\"", Refused::Tag),
        (";nonce=\"m\"", Refused::Parameter),
        (";created=1", Refused::Parameter),
        (";unknown=?1", Refused::Parameter),
        (";=1", Refused::Parameter),
        (";expires=1793499999", Refused::Expired),
        (";expires=\"1793500000\"", Refused::Malformed("signature-input")),
        (";expires=1793500000.5", Refused::Malformed("signature-input")),
        (";expires=1793500000000000", Refused::Malformed("signature-input")),
        (";expires", Refused::Malformed("signature-input")),
        ("; expires=1793500000", Refused::Parameter),
        (" ;expires=1793500000", Refused::Malformed("signature-input")),
        (";", Refused::Malformed("signature-input")),
        (",y=()", Refused::NotOneSignature),
    ] {
        assert_eq!(with_parameters(&format!("{good}{more}")), Err(why), "{more}");
    }
    assert_eq!(with_parameters(&format!("{good};expires={NOW};alg=\"hmac-sha256\"")), Ok(true));
    for lacking in [format!(";created={NOW};nonce=\"n\""), ";keyid=\"k\";nonce=\"n\"".to_owned()] {
        assert_eq!(with_parameters(&lacking), Err(Refused::Malformed("signature-input")));
    }
    let no_name = format!(";created={NOW};keyid=\"\";nonce=\"n\"");
    assert_eq!(with_parameters(&no_name), Err(Refused::Malformed("signature-input")));
    assert_eq!(with_parameters(&format!(";created={NOW};keyid=\"k\"")), Err(Refused::Nonce));
    let nonce =
        |nonce: &str| with_parameters(&format!(";created={NOW};keyid=\"k\";nonce=\"{nonce}\""));
    assert_eq!(nonce(&"n".repeat(128)), Ok(true));
    for bad in ["", "a b", &"n".repeat(129)] {
        assert_eq!(nonce(bad), Err(Refused::Nonce), "{bad}");
    }
    assert_eq!(nonce("a\\\\b"), Err(Refused::Malformed("signature-input")), "no escapes");
}

#[test]
fn a_signature_lives_five_minutes_either_way() {
    let good = sent("POST");
    for (now, result) in [
        (NOW, Ok(true)),
        (NOW + 300, Ok(true)),
        (NOW - 300, Ok(true)),
        (NOW + 301, Err(Refused::TooOld)),
        (NOW - 301, Err(Refused::TooNew)),
    ] {
        assert_eq!(good.check_at(now), result, "{now}");
    }
    assert_eq!(
        with_parameters(";created=999999999999999;keyid=\"k\";nonce=\"n\""),
        Err(Refused::TooNew)
    );
}

#[test]
fn the_vector_of_the_standard_is_reproduced() {
    // RFC 9421 B.2.5; the secret is test-shared-secret of B.1.5.
    let secret = STANDARD.decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    );
    let lines = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
    ];
    let parameters =
        r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let mut mac = keyed(&secret.expect("base64"));
    let lines = lines.iter().map(|(name, value)| (*name, [value.as_bytes(), &b""[..]]));
    write_base(lines, parameters, &mut |bytes| mac.update(bytes));
    assert_eq!(
        STANDARD.encode(mac.finalize().into_bytes()),
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    );
}

#[test]
fn what_cannot_be_signed_is_told() {
    let write = Unsigned {
        method: "POST",
        target_uri: "https://a.example/",
        idempotency_key: Some("k"),
        body: b"",
    };
    let key = SigningKey { id: "k", secret: SECRET };
    let told = |request: Unsigned<'_>, nonce| sign(&request, key, NOW, nonce).map(|_| ()).err();
    assert_eq!(told(write, Some("n")), None);
    assert_eq!(told(write, None), Some(CannotSign::NoNonce));
    assert_eq!(told(write, Some("a\"b")), Some(CannotSign::Characters("nonce")));
    let keyless = Unsigned { idempotency_key: None, ..write };
    assert_eq!(told(keyless, Some("n")), Some(CannotSign::NoIdempotencyKey));
    assert_eq!(told(Unsigned { method: "GET", body: b"x", ..write }, None), Some(CannotSign::Body));
    let spaced = Unsigned { target_uri: "https://a.example/a b", ..write };
    assert_eq!(told(spaced, Some("n")), Some(CannotSign::Characters("address")));
    assert!(!format!("{key:?}").contains('7'), "the secret does not show");
}

#[test]
fn no_mangling_makes_it_panic_or_pass() {
    let mut random = rand::rngs::StdRng::seed_from_u64(9421);
    let letters = b"()\",;:= \\=aA0-@*.\t\xff\x80";
    for round in 0..60_000 {
        let good = sent(METHODS[round % METHODS.len()]);
        let mut bent = good.clone();
        let names: Vec<HeaderName> = good.headers.keys().cloned().collect();
        let name = names[random.random_range(0..names.len())].clone();
        let mut value = good.headers[&name].as_bytes().to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..=value.len());
            match random.random_range(0..4) {
                0 if at < value.len() => drop(value.remove(at)),
                1 => value.truncate(at),
                2 if at < value.len() => value[at] = letters[random.random_range(0..letters.len())],
                _ => value.insert(at, letters[random.random_range(0..letters.len())]),
            }
        }
        let Ok(mangled) = HeaderValue::from_bytes(&value) else { continue };
        bent.headers.insert(&name, mangled);
        let same = value.trim_ascii() == good.headers[&name].as_bytes();
        assert_eq!(bent.check() == Ok(true), same, "{name}: {}", value.escape_ascii());
    }
}
