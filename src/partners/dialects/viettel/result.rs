//! The result of a payment, as it is told and as a search answers it.

use std::collections::BTreeMap;

use serde_json::json;

use super::checksum::text;
use super::{ResultHash, Viettel};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Callback, Order, Outcome, Report, Said, Standing, Unheard, Verdict, form, keepable,
    memo,
};
use crate::vocabulary::money::{Currency, Money};

const SIGNED: [&str; 6] = [
    "billcode",
    "merchant_code",
    "order_id",
    "payment_status",
    "trans_amount",
    "vt_transaction_id",
];
const PAID: &str = "1";

impl Viettel {
    pub(super) fn hear_result(&self, fields: &BTreeMap<String, String>) -> Result<Report, Unheard> {
        let value = |name: &str| fields.get(name).map_or("", String::as_str);
        let fields_signed = || SIGNED.into_iter().map(|name| (name, value(name)));
        let genuine = self.access_code.alive().any(|access| {
            let signed = text(fields_signed().chain([("access_code", access)]));
            match self.result_hash {
                ResultHash::Sha1 => self.hash_key.is_sha1(&signed, value("check_sum")),
                ResultHash::Sha256 => self.hash_key.is_sha256(&signed, value("check_sum")),
            }
        });
        if !genuine {
            return Err(Unheard::Signature);
        }
        if value("merchant_code") != self.merchant_code {
            return Err(Unheard::Merchant);
        }
        let field = |name: &'static str| keepable(name, fields.get(name).cloned());
        let (order, status) = (field("order_id")?, field("payment_status")?);
        let amount = Money::parse(value("trans_amount"), Currency::Vnd)
            .ok()
            .filter(|amount| !amount.is_zero())
            .ok_or_else(|| Unheard::Malformed {
                why: "trans_amount: whole đồng expected".into(),
            })?;
        // `error_code` is not signed: it proves nothing, so it decides nothing.
        let (transaction_id, outcome) = if status == PAID {
            (field("vt_transaction_id")?, Outcome::Collected)
        } else if self.failed_statuses.contains(&status) {
            (format!("{order}:failed:{status}"), Outcome::Failed { code: status })
        } else {
            (format!("{order}:unknown:{status}"), Outcome::Unknown { code: status })
        };
        Ok(Report {
            transaction_id,
            reference: Some(order),
            account: None,
            amount,
            memo: memo(fields.get("billcode").cloned()),
            value_time: None,
            outcome,
            counter_account: None,
        })
    }

    /// The answer names the order it is about and is signed.
    pub(super) fn answer_result(&self, callback: &Callback<'_>, verdict: Verdict) -> Said {
        let code = match verdict {
            Verdict::Recorded | Verdict::Repeat | Verdict::WrongAmount | Verdict::Test => "00",
            Verdict::UnknownOrder | Verdict::WrongMerchant => "01",
            Verdict::BadSignature => "02",
            Verdict::OtherContent | Verdict::Malformed | Verdict::TryLater => "03",
        };
        let fields = form::of_callback(callback).unwrap_or_default();
        let order = fields.get("order_id").map_or("", String::as_str);
        let signed = [
            ("access_code", self.access_code.expose()),
            ("error_code", code),
            ("merchant_code", &self.merchant_code),
            ("order_id", order),
        ];
        let body = json!({
            "error_code": code, "merchant_code": self.merchant_code, "order_id": order,
            "return_url": "", "return_bill_code": "", "return_other_info": "",
            "check_sum": self.hash_key.sha1(&text(signed)),
        });
        Said { status: 200, content_type: "application/json", body: body.to_string() }
    }

    pub(super) fn read_standing(&self, order: &Order, answer: Answer<'_>) -> Standing {
        let unknown = |why: String| Standing::Unknown { why };
        let read = std::str::from_utf8(answer.body).ok().and_then(Object::read);
        let Some(body) = read else {
            return unknown(format!("HTTP {}: no JSON object", answer.status));
        };
        let text_of = |name: &str| Some((name.to_owned(), body.text(name)?));
        let fields: BTreeMap<String, String> =
            SIGNED.into_iter().chain(["check_sum"]).filter_map(text_of).collect();
        if fields.get("order_id") != Some(&order.reference) {
            return unknown("the answer is about another order".to_owned());
        }
        match self.hear_result(&fields) {
            Ok(report) => match report.outcome.clone() {
                Outcome::Collected => Standing::Collected(vec![report]),
                Outcome::Failed { code } => Standing::Failed { code },
                Outcome::Unknown { code } => unknown(format!("payment status {code}")),
            },
            Err(unheard) => unknown(unheard.to_string()),
        }
    }
}
