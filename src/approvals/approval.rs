//! An approval: what is proposed, and what became of it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::status::ApprovalStatus;
use crate::vocabulary::ids::ApprovalId;

/// What one proposed and another decides.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What is to be done, by the name of its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Whose business it is; `*` when it is everybody's.
    pub agency: String,
    /// The content, as canonical JSON.
    pub content: String,
    /// Its SHA-256.
    pub content_hash: [u8; 32],
    /// Who proposed it.
    pub made_by: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// No decision after this.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When it was decided, or expired.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
}

impl Approval {
    /// The content, read.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.content).unwrap_or_default()
    }
}

/// JSON in one form: members sorted by name, no blanks.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let one = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value))
            };
            format!("{{{}}}", members.into_iter().map(one).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// SHA-256 of a content.
pub fn hash_of(content: &str) -> [u8; 32] {
    Sha256::digest(content.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_content_has_one_form() {
        let value = json!({ "b": [1, { "z": null, "a": "x\"y" }], "a": "Nguyễn" });
        assert_eq!(canonical(&value), r#"{"a":"Nguyễn","b":[1,{"a":"x\"y","z":null}]}"#);
        let again: Value = serde_json::from_str(&canonical(&value)).expect("JSON");
        assert_eq!(canonical(&again), canonical(&value));
        assert_ne!(hash_of(&canonical(&value)), hash_of(&canonical(&json!({}))));
    }
}
