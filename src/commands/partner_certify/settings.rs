//! Settings of a dialect, aimed elsewhere or spoilt.

use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

fn read(settings: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(settings).unwrap_or_default()
}

/// The same settings with every address at another origin; paths stay.
pub(super) fn aimed_at(settings: &[u8], base: &Url) -> Zeroizing<Vec<u8>> {
    let mut fields = read(settings);
    for value in fields.values_mut() {
        let Some(address) = value.as_str().and_then(|text| Url::parse(text).ok()) else { continue };
        if !matches!(address.scheme(), "http" | "https") {
            continue;
        }
        let origin = base.origin().ascii_serialization();
        *value = Value::from(format!("{origin}{}", address.path()));
    }
    Zeroizing::new(Value::Object(fields).to_string().into_bytes())
}

/// The same settings with every key another; none when there is none.
pub(super) fn with_wrong_keys(settings: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields = read(settings);
    let mut spoilt = false;
    for (name, value) in &mut fields {
        let is_key = name.contains("key") || name.contains("secret");
        let keys: Vec<&mut Value> = match value {
            // One that is being exchanged for another.
            Value::Object(both) if is_key => both.values_mut().collect(),
            value => vec![value],
        };
        for value in keys {
            if let (true, Some(key)) = (is_key, value.as_str()) {
                // Of the same length and kind: only the value is wrong.
                let turned: String = key.chars().map(turned).collect();
                *value = Value::from(turned);
                spoilt = true;
            }
        }
    }
    spoilt.then(|| Zeroizing::new(Value::Object(fields).to_string().into_bytes()))
}

fn turned(c: char) -> char {
    match c {
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(c) + 1).unwrap_or(c),
        'z' => 'a',
        'Z' => 'A',
        '9' => '0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(settings: &Zeroizing<Vec<u8>>) -> Value {
        serde_json::from_slice(settings).expect("JSON")
    }

    #[test]
    fn addresses_move_and_paths_stay() {
        let settings = json!({ "base_url": "https://api.bank.example/payos", "client_id": "c" });
        let base = "http://127.0.0.1:8090/ignored".parse().expect("an address");
        let aimed = text(&aimed_at(settings.to_string().as_bytes(), &base));
        assert_eq!(aimed["base_url"], "http://127.0.0.1:8090/payos");
        assert_eq!(aimed["client_id"], "c");
    }

    #[test]
    fn keys_turn_wrong_and_nothing_else_changes() {
        let settings = json!({ "hash_secret": "aZ9-", "api_key": "k", "tmn_code": "T" });
        let wrong = text(&with_wrong_keys(settings.to_string().as_bytes()).expect("keys"));
        assert_eq!(wrong, json!({ "hash_secret": "bA0-", "api_key": "l", "tmn_code": "T" }));
        assert!(with_wrong_keys(b"{\"tmn_code\":\"T\"}").is_none());
        let both = json!({ "hash_secret": { "current": "a", "previous": "b" } });
        let wrong = text(&with_wrong_keys(both.to_string().as_bytes()).expect("keys"));
        assert_eq!(wrong, json!({ "hash_secret": { "current": "b", "previous": "c" } }));
    }
}
