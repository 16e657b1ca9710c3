//! The parts of the documentation that say what the code says: errors, life-cycles, settings, the
//! worked example of a signature. Each stands between two marks, `<!-- name -->` and
//! `<!-- end of name -->`; with UPDATE_DOCS set the test writes what it would have wanted to read.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payclear::approvals::status::{ApprovalStatus, ApprovalStep};
use payclear::days::status::{DayStatus, DayStep};
use payclear::invoices::status::{AttemptStatus, AttemptStep, Status, Step};
use payclear::notices::status::{DeliveryState, Step as DeliveryStep};
use payclear::partners::dialects::{
    self, Ask, Dialect, NAMES, Order, Quirk, RefundOrder, SettingsError, from_settings,
};
use payclear::payover::status::{RunStatus, RunStep};
use payclear::platform::message_signature::{SigningKey, Unsigned, sign};
use payclear::platform::problem::ProblemType;
use payclear::platform::settings::Settings;
use payclear::refunds::status::{RefundStatus, RefundStep};
use payclear::vocabulary::codes::InvoiceCode;
use payclear::vocabulary::money::Money;
use rand::SeedableRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::simulators::Simulators;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn writes() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| !value.is_empty())
}

/// Asserts that a file says `wanted` between the marks of `name`.
pub fn says(path: &Path, name: &str, wanted: &str) {
    let text = std::fs::read_to_string(path).expect("a document");
    let (from, to) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let begin = text.find(&from).unwrap_or_else(|| panic!("{from} is not there")) + from.len();
    let end = text.find(&to).unwrap_or_else(|| panic!("{to} is not there"));
    if text[begin..end] == *wanted {
        return;
    }
    if writes() {
        std::fs::write(path, format!("{}{wanted}{}", &text[..begin], &text[end..]))
            .expect("written");
    } else {
        panic!("{}: between the marks of {name} should stand:\n{wanted}", path.display());
    }
}

#[test]
fn every_problem_is_in_the_error_catalogue() {
    let mut table =
        "| `type` | status | title | the caller | the operator |\n|---|---|---|---|---|\n"
            .to_owned();
    for problem in ProblemType::ALL {
        let (path, status) = (problem.path(), problem.status().as_u16());
        let told = [problem.title(), problem.caller_does(), problem.operator_does()];
        let [title, caller, operator] = told.map(|text| text.replace('|', "\\|"));
        let _ = writeln!(table, "| `{path}` | {status} | {title} | {caller} | {operator} |");
    }
    says(&file("api.md"), "problems", &table);
}

#[test]
fn the_worked_example_of_a_signature_is_right() {
    let secret: Vec<u8> = (0..32).collect();
    let body = r#"{"dossier":"G01.A-261120-0001"}"#;
    let request = Unsigned {
        method: "POST",
        target_uri: "https://pay.example.gov.vn/v1/invoices",
        idempotency_key: Some("8e03978e-40d5"),
        body: body.as_bytes(),
    };
    let key = SigningKey { id: "dvc-mau-1a2b3c", secret: &secret };
    let signed = sign(&request, key, 1_763_600_000, Some("nonce-0001")).expect("it signs");
    let secret = STANDARD.encode(&secret);
    let mut text = format!(
        "Secret (base64): `{secret}` · body: `{body}`\n\nThe text that is signed, its lines \
         parted by a line feed and none after the last:\n\n```text\n{}\n```\n\nWhat goes over the \
         wire:\n\n```http\nPOST /v1/invoices HTTP/1.1\nHost: pay.example.gov.vn\n\
         Content-Type: application/json\nIdempotency-Key: 8e03978e-40d5\n",
        signed.base
    );
    for (name, value) in signed.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = write!(text, "\n{body}\n```\n");
    says(&file("api.md"), "signature", &text);
}

#[test]
fn the_worked_example_of_totals_is_right() {
    let payments = [
        ("PGZ81KD0C5T7YX4B", 8_000, "2026-11-20T02:11:07.500Z"),
        ("PG0R3K7W2MN4Q81A", 150_000, "2026-11-20T02:10:41.003250Z"),
    ];
    let sum: u64 = payments.iter().map(|(_, amount, _)| amount).sum();
    let mut lines = payments.map(|(code, amount, at)| format!("{code},{amount},{at}\n"));
    lines.sort();
    let lines = lines.concat();
    let digest = hex::encode(Sha256::digest(&lines));
    let text = format!(
        "Two payments of a day:\n\n```text\n{lines}```\n\n```json\n{{\n  \"count\": {},\n  \
         \"amount\": \"{sum}\",\n  \"digest\": \"{digest}\"\n}}\n```\n\n```python\nimport hashlib\n\
         lines = sorted(f\"{{code}},{{amount}},{{at}}\\n\".encode() for code, amount, at in payments)\n\
         digest = hashlib.sha256(b\"\".join(lines)).hexdigest()\n```\n",
        payments.len()
    );
    says(&file("api.md"), "totals", &text);
}

/// A table of steps: from where, by what, to where.
fn life<S: Copy + std::fmt::Display, T: Copy>(
    states: &[S],
    steps: &[T],
    name: impl Fn(T) -> String,
    after: impl Fn(S, T) -> Option<S>,
) -> String {
    let mut table = "| from |".to_owned();
    for step in steps {
        let _ = write!(table, " {} |", name(*step));
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(steps.len()));
    for state in states {
        let _ = write!(table, "\n| **{state}** |");
        for step in steps {
            let to = after(*state, *step).map_or_else(|| "–".to_owned(), |to| to.to_string());
            let _ = write!(table, " {to} |");
        }
    }
    table + "\n"
}

#[test]
fn the_life_cycles_are_written_down() {
    let path = file("states.md");
    let invoice = life(Status::ALL, Step::ALL, |s| s.to_string(), |from, s| from.after(s).ok());
    says(&path, "invoice", &invoice);
    let attempt = life(
        AttemptStatus::ALL,
        AttemptStep::ALL,
        |step| step.to_string(),
        |from, step| from.after(step).ok(),
    );
    says(&path, "attempt", &attempt);
    let refund = life(
        RefundStatus::ALL,
        RefundStep::ALL,
        |step| step.to_string(),
        |from, step| from.after(step).ok(),
    );
    says(&path, "refund", &refund);
    let steps =
        [DeliveryStep::Take, DeliveryStep::Wait, DeliveryStep::GiveUp, DeliveryStep::Redeliver];
    let named = |step| {
        let name = match step {
            DeliveryStep::Take => "taken",
            DeliveryStep::Wait => "not taken",
            DeliveryStep::GiveUp => "given up",
            DeliveryStep::Redeliver => "asked for again",
        };
        name.to_owned()
    };
    let delivery = life(DeliveryState::ALL, &steps, named, |from, step| from.after(step).ok());
    says(&path, "delivery", &delivery);
    let approval = life(
        ApprovalStatus::ALL,
        ApprovalStep::ALL,
        |step| step.to_string(),
        |from, step| from.after(step).ok(),
    );
    says(&path, "approval", &approval);
    let day =
        life(DayStatus::ALL, DayStep::ALL, |s| s.to_string(), |from, step| from.after(step).ok());
    says(&path, "day", &day);
    let run =
        life(RunStatus::ALL, RunStep::ALL, |s| s.to_string(), |from, step| from.after(step).ok());
    says(&path, "run", &run);
}

/// The prose of a doc comment, in one line.
fn prose(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(given) if given.path.is_ident("doc") => match &given.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(" ")
}

/// The name of a field's type, without what it is in.
fn type_name(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => {
            path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn shown(default: Option<&Value>) -> String {
    match default {
        None => "must be set".to_owned(),
        Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "empty".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            format!("`{}`", items.join(","))
        }
        Some(other) => format!("`{other}`"),
    }
}

#[test]
fn every_setting_is_written_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platform/settings.rs");
    let parsed = syn::parse_file(&std::fs::read_to_string(source).expect("it is there"));
    let parsed = parsed.expect("Rust");
    let fields_of = |name: &str| {
        parsed.items.iter().find_map(|item| match item {
            syn::Item::Struct(item) if item.ident == name => Some(&item.fields),
            _ => None,
        })
    };
    let least = json!({ "database": { "url": "" }, "broker": { "url": "" } });
    let read: Settings = serde_json::from_value(least).expect("settings");
    let defaults = json!({
        "mode": "production",
        "database": { "connections": read.database.connections },
        "broker": { "prefix": read.broker.prefix },
        "http": read.http,
        "secrets": { "master_key": "", "master_key_file": null, "previous_master_keys": [] },
        "clearing": read.clearing,
        "notices": read.notices,
        "people": read.people,
        "sandbox": {
            "database_url": read.sandbox.database_url, "connections": read.sandbox.connections,
            "broker_url": read.sandbox.broker_url,
            "standing_partner": read.sandbox.standing_partner,
        },
        "mail": read.mail,
    });
    let mut table = "| key | variable | unless set | meaning |\n|---|---|---|---|\n".to_owned();
    let mut line = |key: &str, default: Option<&Value>, meaning: &str| {
        let variable = format!("PAYCLEAR__{}", key.replace('.', "__").to_uppercase());
        let _ = writeln!(table, "| `{key}` | `{variable}` | {} | {meaning} |", shown(default));
    };
    for section in fields_of("Settings").expect("the settings") {
        let name = section.ident.as_ref().expect("a name").to_string();
        if name == "realm" {
            // Set by the program, never read.
            continue;
        }
        let Some(fields) = fields_of(&type_name(&section.ty)) else {
            line(&name, defaults.get(&name), &prose(&section.attrs));
            continue;
        };
        for field in fields {
            let field_name = field.ident.as_ref().expect("a name").to_string();
            let default = defaults[&name].get(&field_name);
            line(&format!("{name}.{field_name}"), default, &prose(&field.attrs));
        }
    }
    says(&file("settings.md"), "settings", &table);
}

/// What a dialect may be told, so that it can be tried out.
fn settings_of(dialect: &str) -> Value {
    let known = Simulators::settings("https://partner.example");
    let partner = if dialect == "payos" { "samplebank" } else { dialect };
    if let Some((_, settings)) = known.into_iter().find(|(name, _)| *name == partner) {
        return settings;
    }
    let url = |path: &str| format!("https://partner.example/{path}");
    match dialect {
        "onepay" => json!({
            "payment_url": url("p"), "query_url": url("q"), "merchant": "M", "access_code": "A",
            "secure_secret": "00ff", "confirmed_by_partner": true,
        }),
        "viettel" => json!({
            "payment_url": url("p"), "search_url": url("s"), "merchant_code": "M",
            "access_code": "A", "hash_key": "k", "confirmed_by_partner": true,
        }),
        "keypay" => json!({
            "create_url": url("c"), "detail_url": url("d"), "client_id": "C", "hash_key_1": "k",
            "pay_url_field": "u", "status_field": "s", "transaction_field": "t",
            "amount_field": "a", "paid_status": "1", "confirmed_by_partner": true,
        }),
        _ => json!({}),
    }
}

fn an_order(dialect: &dyn Dialect) -> Order {
    let now = chrono::DateTime::UNIX_EPOCH;
    let code = InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1));
    Order {
        reference: dialect.reference(&code, now, 1_001),
        code,
        amount: Money::vnd(10_000),
        created_at: now,
        expires_at: now,
        return_url: "https://pay.example".to_owned(),
        page_url: "https://pay.example/pay/t".to_owned(),
        callback_url: "https://pay.example/partners/x/webhook".to_owned(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    }
}

/// The dialect is tried out: what it makes no call for, it cannot do.
fn abilities(dialect: &dyn Dialect) -> [&'static str; 5] {
    let order = an_order(dialect);
    let now = order.created_at;
    let refund = RefundOrder {
        reference: dialect.refund_reference(now, 1_001),
        order: order.clone(),
        transaction_id: "4088000001".to_owned(),
        amount: Money::vnd(10_000),
        whole: true,
        created_at: now,
        requested_by: "officer".to_owned(),
    };
    let yes = |call: bool| if call { "yes" } else { "–" };
    let create = match dialect.ask_create(&order) {
        Ask::Call(_) => "call",
        Ask::Done(made) if made.pay_url.is_some() => "signed address",
        Ask::Done(_) => "–",
    };
    let query = match dialect.ask_query(&order, now, 1) {
        Some(_) if dialect.polls_every().is_some() => "polled",
        Some(_) => "yes",
        None => "–",
    };
    [
        create,
        query,
        yes(dialect.ask_cancel(&order).is_some()),
        yes(dialect.ask_refund(&refund).is_some()),
        yes(dialect.ask_refund_query(&refund, now, 1).is_some()),
    ]
}

#[test]
fn what_every_partner_can_do_and_how_well_it_is_known_is_written_down() {
    let mut can =
        "| dialect | channel | create | callback | query | cancel | refund | refund query \
                   | report | limits (đồng) |\n|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let mut known =
        "| dialect | tells of money | wire format from | ours checked by |\n|---|---|---|---|\n"
            .to_owned();
    let mut off = "| dialect | unconfirmed |\n|---|---|\n".to_owned();
    for name in NAMES {
        let mut settings = settings_of(name);
        let dialect = from_settings(name, settings.to_string().as_bytes()).expect(name);
        let about = dialects::about(name).expect("a few words");
        let [create, query, cancel, refund, refund_query] = abilities(&*dialect);
        let callback = match dialects::quirks(name).contains(&Quirk::NoCallback) {
            true => "signed API",
            false if about.callback.starts_with("none") => "–",
            false => "yes",
        };
        let limits = dialect.limits().map_or_else(
            || "–".to_owned(),
            |(least, most)| format!("{} to {}", least.minor_units(), most.minor_units()),
        );
        let _ = writeln!(
            can,
            "| `{name}` | {} | {create} | {callback} | {query} | {cancel} | {refund} | \
             {refund_query} | {} | {limits} |",
            about.title, about.report
        );
        let _ = writeln!(
            known,
            "| `{name}` | {} | {} | {} |",
            about.callback, about.source, about.verified
        );
        settings.as_object_mut().expect("settings").remove("confirmed_by_partner");
        match from_settings(name, settings.to_string().as_bytes()) {
            Ok(_) => {}
            Err(SettingsError::Unconfirmed { what }) => {
                let _ = writeln!(off, "| `{name}` | {what} |");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    let path = file("partners.md");
    says(&path, "abilities", &can);
    says(&path, "knowledge", &known);
    says(&path, "switched off", &off);
}
