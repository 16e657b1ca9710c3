//! JSON against the schemas of the OpenAPI document: the part of JSON Schema that it uses. Stricter
//! than the standard in one point: what an object schema does not name, an answer may not hold.

use serde_json::Value;

/// What does not fit, with a pointer to it; nothing when all does.
pub fn misfits(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, "", &mut found);
    found
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = document.pointer(target.trim_start_matches('#'));
        let target = target.unwrap_or_else(|| panic!("{schema} leads nowhere"));
        return check(document, target, value, at, found);
    }
    if let Some(ways) = schema.get("oneOf").and_then(Value::as_array) {
        let tried: Vec<_> = ways.iter().map(|way| misfits(document, way, value)).collect();
        if tried.iter().filter(|misfits| misfits.is_empty()).count() != 1 {
            found.push(format!("{at}: fits not exactly one way: {tried:?}"));
        }
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        check(document, &together(document, parts), value, at, found);
    }
    match schema.get("type") {
        Some(Value::String(kind)) if !is(kind, value) => {
            found.push(format!("{at}: {value} is no {kind}"));
        }
        Some(Value::Array(kinds))
            if !kinds.iter().filter_map(Value::as_str).any(|kind| is(kind, value)) =>
        {
            found.push(format!("{at}: {value} is none of {kinds:?}"));
        }
        _ => {}
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is not one of {allowed:?}"));
    }
    if let (Some(format), Some(text)) =
        (schema.get("format").and_then(Value::as_str), value.as_str())
    {
        let fits = match format {
            "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            "uuid" => uuid::Uuid::try_parse(text).is_ok(),
            _ => true,
        };
        if !fits {
            found.push(format!("{at}: {text:?} is no {format}"));
        }
    }
    if let Some(items) = value.as_array() {
        for (place, item) in items.iter().enumerate() {
            if let Some(schema) = schema.get("items") {
                check(document, schema, item, &format!("{at}/{place}"), found);
            }
        }
    }
    if let Some(fields) = value.as_object() {
        check_fields(document, schema, fields, at, found);
    }
}

fn check_fields(
    document: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    let known = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    for (name, field) in fields {
        let at = format!("{at}/{name}");
        match (known.and_then(|known| known.get(name)), others) {
            (Some(schema), _) | (None, Some(schema)) => {
                check(document, schema, field, &at, found);
            }
            (None, None) if known.is_some() => found.push(format!("{at}: is not documented")),
            (None, None) => {}
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{at}: {name} is missing"));
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type of JSON Schema"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let document = serde_json::json!({ "s": { "type": "string", "format": "uuid" } });
    let schema = serde_json::json!({
        "type": "object", "required": ["id"],
        "properties": {
            "id": { "$ref": "#/s" },
            "lines": { "type": "array", "items": { "type": ["integer", "null"] } },
        },
    });
    let found = |value: Value| misfits(&document, &schema, &value).len();
    let id = uuid::Uuid::nil().to_string();
    assert_eq!(found(serde_json::json!({ "id": id, "lines": [1, null] })), 0);
    assert_eq!(found(serde_json::json!({ "id": id, "lines": [1.5, "x"] })), 2);
    assert_eq!(found(serde_json::json!({ "id": "x", "more": 1 })), 2);
    assert_eq!(found(serde_json::json!({})), 1);
}

/// The parts of an `allOf` as one object: each knows its own fields alone.
fn together(document: &Value, parts: &[Value]) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for part in parts {
        let name = part["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        let part = name.and_then(|name| document.pointer(name)).unwrap_or(part);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    serde_json::json!({ "type": "object", "properties": properties, "required": required })
}
