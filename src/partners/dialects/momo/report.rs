//! IPN, redirect and the answer to a question in our words.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::Momo;
use super::codes::{AUTHORIZED, Finality, SUCCESS};
use super::signature::{RESULT, of};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::reading::{dong, instant, transaction};
use crate::partners::dialects::{Outcome, Report, Returned, Unheard, keepable, memo};

impl Momo {
    pub(super) fn hear_ipn(&self, body: &[u8]) -> Result<Report, Unheard> {
        let body = std::str::from_utf8(body)
            .ok()
            .and_then(Object::read)
            .ok_or_else(|| Unheard::Malformed { why: "no JSON object".to_owned() })?;
        let Self { settings, .. } = self;
        if !RESULT.is_genuine(&settings.access_key, &settings.secret_key, of(&body)) {
            return Err(Unheard::Signature);
        }
        if body.text("partnerCode").as_deref() != Some(settings.partner_code.as_str()) {
            return Err(Unheard::Merchant);
        }
        self.report(&body)
    }

    /// What a result or the answer to a question says of its order.
    pub(super) fn report(&self, body: &Object<'_>) -> Result<Report, Unheard> {
        let reference = keepable("orderId", body.filled("orderId"))?;
        let amount = dong("amount", body.text("amount").as_deref())?;
        let code = keepable("resultCode", body.filled("resultCode"))?;
        let (transaction_id, outcome) = match (self.outcome(code), body.text("transId")) {
            (Outcome::Collected, id) => match transaction(id) {
                Some(id) => (id, Outcome::Collected),
                // Collected, but there is nothing to know the money by: to be asked about.
                None => (
                    format!("{reference}:unknown:{SUCCESS}"),
                    Outcome::Unknown { code: SUCCESS.to_owned() },
                ),
            },
            (Outcome::Failed { code }, _) => {
                (format!("{reference}:failed:{code}"), Outcome::Failed { code })
            }
            (Outcome::Unknown { code }, _) => {
                (format!("{reference}:unknown:{code}"), Outcome::Unknown { code })
            }
        };
        Ok(Report {
            transaction_id,
            reference: Some(reference),
            account: None,
            amount,
            memo: memo(body.text("orderInfo")),
            value_time: instant(body.text("responseTime").as_deref()),
            outcome,
            counter_account: None,
        })
    }

    fn outcome(&self, code: String) -> Outcome {
        match (code.as_str(), self.finality(&code)) {
            // Orders are captured at once.
            (SUCCESS | AUTHORIZED, _) => Outcome::Collected,
            (_, Finality::Final) => Outcome::Failed { code },
            (_, Finality::Pending | Finality::NotSaid) => Outcome::Unknown { code },
        }
    }

    pub(super) fn read_return(&self, query: &str) -> Option<Returned> {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // A name given twice: which of the two would be meant?
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        let Self { settings, .. } = self;
        let ours = fields.get("partnerCode") == Some(&settings.partner_code);
        let value = |name: &str| fields.get(name).cloned();
        Some(Returned {
            reference: keepable("orderId", value("orderId")).ok()?,
            code: value("resultCode")?.chars().take(8).collect(),
            genuine: ours && RESULT.is_genuine(&settings.access_key, &settings.secret_key, value),
        })
    }
}
