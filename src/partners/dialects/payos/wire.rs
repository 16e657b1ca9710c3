//! The envelope around everything that payOS sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::signature::data_text;
use crate::partners::dialects::Unheard;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
}

/// `{code, desc, data, signature}`.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// `00`, or what went wrong. Not signed.
    pub code: String,
    data: Option<&'a RawValue>,
    signature: Option<String>,
}

impl<'a> Envelope<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Unheard> {
        let wire: Wire<'a> = serde_json::from_slice(body).map_err(|e| Unheard::Malformed {
            why: format!("no envelope: line {}, column {}", e.line(), e.column()),
        })?;
        let text = |raw: Option<&RawValue>| {
            let raw = raw?.get();
            serde_json::from_str(raw).unwrap_or_else(|_| Some(raw.to_owned()))
        };
        Ok(Self {
            code: text(wire.code).unwrap_or_default(),
            data: wire.data,
            signature: text(wire.signature),
        })
    }

    /// The signed part, once its signature is found right.
    pub fn verified(&self, key: &Key) -> Result<Object<'a>, Unheard> {
        let malformed = || Unheard::Malformed { why: "data: an object expected".to_owned() };
        let signature = self.signature.as_deref().ok_or(Unheard::Signature)?;
        let data = Object::read(self.data.ok_or_else(malformed)?.get()).ok_or_else(malformed)?;
        let text = data_text(&data).ok_or_else(malformed)?;
        if key.is_sha256(&text, signature) { Ok(data) } else { Err(Unheard::Signature) }
    }
}
