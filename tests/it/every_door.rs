//! Every operation of the OpenAPI document, with what is nearly right and spoilt by a seeded hand: no
//! answer is a 5xx, and who asks is let in far enough for that to say something.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use crate::bad_input::{spoil, spoil_headers, spoil_path};
use crate::support::town::{AGENCY, PROCEDURE};
use crate::support::{Letter, Person, Town, fresh_key, text};

/// Of each operation: the first as it should be, the others spoilt.
const TRIES: usize = 7;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The document, and values of its forms.
struct Document(Value);

struct Operation {
    method: &'static str,
    template: String,
    told: Value,
}

impl Document {
    fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let mut operations: Vec<Operation> = paths
            .iter()
            .flat_map(|(template, item)| {
                METHODS.into_iter().filter(move |method| item.get(*method).is_some()).map(
                    move |method| Operation {
                        method,
                        template: template.clone(),
                        told: item[method].clone(),
                    },
                )
            })
            .collect();
        // What ends the session comes last: all else needs it.
        operations.sort_by_key(|o| (o.template.starts_with("/v1/session"), o.method == "delete"));
        operations
    }

    /// A value of a schema; names tell what is known to be there.
    fn sample(&self, name: &str, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let found = self.0.pointer(reference.trim_start_matches('#')).expect("a schema");
            return self.sample(name, found, depth);
        }
        for of in ["oneOf", "anyOf"] {
            if let Some(ways) = schema[of].as_array() {
                let real = ways.iter().find(|way| way["type"] != "null").unwrap_or(&ways[0]);
                return self.sample(name, real, depth);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(fields) = self.sample(name, part, depth) {
                    whole.extend(fields);
                }
            }
            return Value::Object(whole);
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned(),
            kind => Some(kind.clone()),
        };
        match kind.as_ref().and_then(Value::as_str) {
            Some("object") | None if depth < 6 => {
                let fields = schema["properties"].as_object().cloned().unwrap_or_default();
                let sampled = fields
                    .iter()
                    .map(|(name, schema)| (name.clone(), self.sample(name, schema, depth + 1)));
                Value::Object(sampled.collect())
            }
            Some("array") => json!([self.sample(name, &schema["items"], depth + 1)]),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("string") => json!(word(name, schema["format"].as_str().unwrap_or(""))),
            _ => Value::Null,
        }
    }

    /// What is sent with an operation: content type and bytes.
    fn body(&self, operation: &Operation) -> (String, Vec<u8>) {
        let Some(content) = operation.told["requestBody"]["content"].as_object() else {
            return ("application/json".to_owned(), Vec::new());
        };
        let (kind, told) = content.iter().next().expect("a content type");
        let body = if kind.ends_with("json") {
            self.sample("", &told["schema"], 0).to_string().into_bytes()
        } else {
            b"date,amount,memo\n2026-01-15,100000,PG\n".to_vec()
        };
        (kind.clone(), body)
    }

    /// Path and query with values.
    fn path(&self, operation: &Operation, known: &BTreeMap<&str, String>) -> String {
        let mut path = operation.template.clone();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let told = operation.told["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &told {
            let name = text(parameter, "name");
            let sampled = known.get(name).map_or_else(
                || match self.sample(name, &parameter["schema"], 0) {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
                Clone::clone,
            );
            match text(parameter, "in") {
                "path" => path = path.replace(&format!("{{{name}}}"), &sampled),
                "query" if name != "cursor" => {
                    query.append_pair(name, &sampled);
                }
                _ => {}
            }
        }
        let query = query.finish();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}

fn word(name: &str, format: &str) -> &'static str {
    match (name, format) {
        ("agency", _) => AGENCY,
        ("procedure", _) => PROCEDURE,
        ("currency", _) => "VND",
        ("amount", _) => "100000",
        ("sub_item", _) => "2716",
        ("day", _) => "2026-01-15",
        ("partner", _) => "directbank",
        (_, "uuid") => "00000000-0000-7000-8000-000000000000",
        (_, "date-time") => "2026-01-15T03:00:00Z",
        (_, "date") => "2026-01-15",
        (_, "uri") => "https://a.example/x",
        _ => "x",
    }
}

/// Who may call an operation, by its own word.
enum Who {
    Signed,
    Person,
    Anybody,
}

fn who(operation: &Operation) -> Vec<Who> {
    match operation.told["security"].as_array() {
        None => vec![Who::Signed],
        Some(ways) => ways
            .iter()
            .map(|way| match way.as_object().and_then(|way| way.keys().next()) {
                Some(scheme) if scheme == "session" => Who::Person,
                Some(_) => Who::Signed,
                None => Who::Anybody,
            })
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_of_the_document_answers_5xx_to_whatever_comes_in() {
    let town = Town::doors().await;
    let roles = ["viewer:*", "officer:*", "approver:*", "operator:*", "auditor:*", "admin:*"];
    let person = town.person("all@town.example", &roles).await;
    let invoice = town.issue(100_000).await;
    town.settle("T1", 40_000, text(&invoice, "code")).await;
    let case: String = sqlx::query_scalar("select break_id::text from break_case")
        .fetch_one(&town.pool)
        .await
        .expect("a case");
    let document = Document(serde_json::to_value(payclear::app::document()).expect("JSON"));
    let mut hand = StdRng::seed_from_u64(20_261_123);
    let mut shut = Vec::new();
    let operations = document.operations();
    assert!(operations.len() > 80, "{}", operations.len());
    for operation in &operations {
        let id = match operation.template.as_str() {
            template if template.starts_with("/v1/invoices") => text(&invoice, "id").to_owned(),
            template if template.starts_with("/v1/breaks") => case.clone(),
            _ => uuid::Uuid::nil().to_string(),
        };
        let known = BTreeMap::from([
            ("id", id),
            ("transaction_id", "T1".to_owned()),
            ("kind", "delivery".to_owned()),
        ]);
        let (content_type, body) = document.body(operation);
        let path = document.path(operation, &known);
        let mut let_in = false;
        for place in 0..TRIES {
            let body = match place {
                0 => body.clone(),
                _ if body.is_empty() => spoil(&mut hand, b"{}"),
                _ => spoil(&mut hand, &body),
            };
            let path = if place % 3 == 1 { spoil_path(&mut hand, &path) } else { path.clone() };
            for letter in letters(&town, &person, operation, (&path, &body)) {
                let letter = letter.with("content-type", &content_type);
                let letter = if place < 2 { letter } else { spoil_headers(&mut hand, letter) };
                let mut answer = town.portal.send(&letter).await;
                while place == 0 && answer.status == 429 {
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                    answer = town.portal.send(&letter).await;
                }
                let sent = String::from_utf8_lossy(&letter.body);
                let at = format!("{} {} {sent}", letter.method, letter.url);
                assert!(answer.status < 500, "{at}: {}", answer.text());
                // Who signs in is nobody yet.
                let nobody = operation.template == "/v1/sessions" && answer.status == 401;
                let_in |= nobody || !matches!(answer.status, 401 | 405 | 429);
            }
        }
        if !let_in {
            shut.push(format!("{} {}", operation.method, operation.template));
        }
    }
    assert!(shut.is_empty(), "nobody got in at {shut:?}");
}

/// A letter from each who may call.
fn letters(
    town: &Town,
    person: &Person,
    operation: &Operation,
    (path, body): (&str, &[u8]),
) -> Vec<Letter> {
    let method = operation.method.to_uppercase();
    let reads = method == "GET";
    let body: &[u8] = if reads { b"" } else { body };
    let key = (!reads).then(fresh_key);
    let unsigned = |headers: Vec<(String, String)>| Letter {
        method: method.parse().expect("a method"),
        url: format!("{}{path}", town.url),
        headers,
        body: body.to_owned(),
    };
    who(operation)
        .into_iter()
        .flat_map(|who| match who {
            Who::Signed => {
                let sign = |caller: &crate::support::Caller| {
                    caller.sign(&method, path, key.as_deref(), body)
                };
                vec![sign(&town.portal), sign(&town.bank)]
            }
            Who::Person => {
                let token = format!("Bearer {}", person.token);
                vec![unsigned(vec![("authorization".to_owned(), token)])]
            }
            Who::Anybody => vec![unsigned(Vec::new())],
        })
        .collect()
}
