//! Giving money back: the call, its answer, and asking what became of it.

use super::calls::NewRefund;
use super::codes::{
    CONFLICT, Finality, REPEATED_REQUEST, SUCCESS, UNKNOWN, refuses_the_call, refuses_the_refund,
};
use super::signature::REFUND;
use super::{Momo, takes};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::reading::transaction;
use crate::partners::dialects::{Answer, Call, RefundOrder, Refunding};

impl Momo {
    /// None for an amount that MoMo does not give back, or a transaction that is not one of MoMo's.
    pub(super) fn refund_call(&self, refund: &RefundOrder) -> Option<Call> {
        let trans_id = refund.transaction_id.parse().ok().filter(|_| takes(refund.amount))?;
        let body = NewRefund {
            partner_code: &self.settings.partner_code,
            // The refund's own id in both places: asked for again it is the same refund.
            request_id: &refund.reference,
            order_id: &refund.reference,
            amount: refund.amount.minor_units(),
            trans_id,
            description: &format!("Hoan tien {}", refund.order.code),
            lang: refund.order.language,
        };
        Some(self.call("refund", REFUND, body))
    }

    pub(super) fn read_refund(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        // The same refund is being worked on.
        if answer.status == 422 {
            return Refunding::Processing;
        }
        let (body, code) = match self.hear(&refund.reference, answer) {
            Ok(heard) => heard,
            Err(why) => return Refunding::Unknown { why },
        };
        let amount = refund.amount.minor_units().to_string();
        if code == SUCCESS && body.text("amount") != Some(amount) {
            return Refunding::Unknown { why: "the answer is about another amount".to_owned() };
        }
        self.refunding(code, &body)
    }

    /// The answer about the order that was paid names its refunds.
    pub(super) fn read_refund_standing(
        &self,
        refund: &RefundOrder,
        answer: Answer<'_>,
    ) -> Refunding {
        let unknown = |why: String| Refunding::Unknown { why };
        if answer.status == 422 {
            return unknown("HTTP 422: the question itself is still under way".to_owned());
        }
        let (body, code) = match self.hear(&refund.order.reference, answer) {
            Ok(heard) => heard,
            Err(why) => return unknown(why),
        };
        // A paid order is successful, also when some of it went back.
        if code != SUCCESS {
            return unknown(format!("the question was answered {code}"));
        }
        let Some(refunds) = body.objects("refundTrans") else {
            return unknown("refundTrans: a list of objects expected".to_owned());
        };
        let is_it = |it: &&Object<'_>| it.text("orderId").as_ref() == Some(&refund.reference);
        let Some(found) = refunds.iter().find(is_it) else { return Refunding::NotFound };
        let Some(code) = found.filled("resultCode") else {
            return unknown("refundTrans: no result code".to_owned());
        };
        self.refunding(code, found)
    }

    fn refunding(&self, code: String, body: &Object<'_>) -> Refunding {
        let finality = self.finality(&code);
        match code.as_str() {
            SUCCESS => Refunding::Confirmed { partner_refund: transaction(body.text("transId")) },
            // Asked for before and not decided, or another one of this order is under way.
            REPEATED_REQUEST | CONFLICT | "9" | "7000" | "7002" => Refunding::Processing,
            // The last word, but not about where the money is.
            UNKNOWN => Refunding::Unknown { why: format!("answered {code}") },
            refused if refuses_the_refund(refused) || refuses_the_call(refused) => {
                Refunding::Refused { code }
            }
            _ if finality == Finality::Final => Refunding::Refused { code },
            _ => Refunding::Unknown { why: format!("answered {code}") },
        }
    }
}
