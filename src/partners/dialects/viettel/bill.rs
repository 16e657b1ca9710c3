//! The gateway's question before it takes money: what is owed for this order?

use serde_json::json;

use super::Viettel;
use super::checksum::text;
use crate::partners::dialects::{Bill, BillQuestion, Callback, Said, Unheard, form, keepable};

/// Answered.
const OK: &str = "00";
/// Bill or merchant unknown.
const UNKNOWN: &str = "01";
/// The check sum is wrong.
const BAD_CHECK_SUM: &str = "02";
/// We cannot say.
const INTERNAL: &str = "03";

impl Viettel {
    pub(super) fn read_question(&self, callback: &Callback<'_>) -> Result<BillQuestion, Unheard> {
        let fields = form::of_callback(callback)?;
        let field = |name: &'static str| keepable(name, fields.get(name).cloned());
        let question = BillQuestion {
            reference: field("order_id")?,
            bill: field("billcode")?,
            proof: field("check_sum")?,
        };
        if field("merchant_code")? != self.merchant_code {
            return Err(Unheard::Merchant);
        }
        Ok(question)
    }

    pub(super) fn answer(&self, question: &BillQuestion, bill: &Bill) -> Said {
        let amount = match bill {
            Bill::Owed(amount) => amount.minor_units().to_string(),
            Bill::Unknown | Bill::CannotSay => String::new(),
        };
        let code = match bill {
            Bill::Owed(_) if self.asked_by_viettel(question, &amount) => OK,
            Bill::Owed(_) => BAD_CHECK_SUM,
            Bill::Unknown => UNKNOWN,
            Bill::CannotSay => INTERNAL,
        };
        // Whoever does not know the key is not told what is owed.
        let amount = if code == OK { amount } else { String::new() };
        let signed = [
            ("access_code", self.access_code.expose()),
            ("billcode", &question.bill),
            ("error_code", code),
            ("merchant_code", &self.merchant_code),
            ("order_id", &question.reference),
            ("trans_amount", &amount),
        ];
        let body = json!({
            "billcode": question.bill, "error_code": code, "merchant_code": self.merchant_code,
            "order_id": question.reference, "trans_amount": amount,
            "check_sum": self.hash_key.sha1(&text(signed)),
        });
        Said { status: 200, content_type: "application/json", body: body.to_string() }
    }

    fn asked_by_viettel(&self, question: &BillQuestion, amount: &str) -> bool {
        self.access_code.alive().any(|access| {
            let signed = [
                ("access_code", access),
                ("billcode", question.bill.as_str()),
                ("merchant_code", &self.merchant_code),
                ("order_id", &question.reference),
                ("trans_amount", amount),
            ];
            self.hash_key.is_sha1(&text(signed), &question.proof)
        })
    }
}
