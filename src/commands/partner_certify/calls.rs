//! The calls to a partner's sandbox, each with what must come of it.

use chrono::{DateTime, Duration, Utc};

use super::Check;
use crate::partners::call::Caller;
use crate::partners::dialects::{
    self, Ask, Call, Cancelled, Created, Dialect, Order, RefundOrder, Refunding, Standing,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

/// What an order is over, unless the partner states a larger least amount.
const AMOUNT: u64 = 10_000;

/// A partner's sandbox.
pub(super) struct Sandbox<'a> {
    pub partner: &'a str,
    pub caller: Caller,
    pub public_url: &'a str,
    pub now: DateTime<Utc>,
}

const CREATE: &str = "create: an order is taken";
const QUERY: &str = "query: it waits for its payer";
const STRANGE: &str = "query: no word of strange orders";
const CANCEL: &str = "cancel: it is taken back";
const CANCELLED: &str = "query: it is not payable any more";
const REFUND: &str = "refund: what nobody owes is refused";
const WRONG_KEYS: &str = "wrong keys: refused";

impl Sandbox<'_> {
    fn order(&self, dialect: &dyn Dialect) -> Order {
        let code = InvoiceCode::draw(&mut rand::rng());
        let least = dialect.limits().map_or(Money::vnd(AMOUNT), |(least, _)| least);
        let amount = if least > Money::vnd(AMOUNT) { least } else { Money::vnd(AMOUNT) };
        Order {
            reference: dialect.reference(&code, self.now, rand::random()),
            code,
            amount,
            created_at: self.now,
            expires_at: self.now + Duration::minutes(15),
            return_url: format!("{}/partners/{}/return", self.public_url, self.partner),
            page_url: format!("{}/pay", self.public_url),
            callback_url: format!("{}/partners/{}/webhook", self.public_url, self.partner),
            payer_ip: "127.0.0.1".to_owned(),
            language: "vi",
        }
    }

    /// An answer, or in one sentence why there is none.
    async fn call<T>(
        &self,
        call: Call,
        hear: impl FnOnce(dialects::Answer<'_>) -> T,
    ) -> Result<T, String> {
        // Under a name of its own: a sandbox that fails is asked all the same.
        let line = format!("{}/{:x}", self.partner, rand::random::<u64>());
        let answered = self.caller.call(&line, call).await.map_err(|why| why.to_string())?;
        Ok(hear(answered.as_answer()))
    }

    /// Everything that a sandbox is put through.
    pub(super) async fn checks(&self, dialect: &dyn Dialect) -> Vec<Check> {
        let order = self.order(dialect);
        let mut checks = vec![self.create(dialect, &order).await];
        checks.push(self.query(dialect, &order).await);
        checks.push(self.strange(dialect).await);
        checks.extend(self.cancel(dialect, &order).await);
        checks.push(self.refund(dialect, &order).await);
        checks
    }

    async fn create(&self, dialect: &dyn Dialect, order: &Order) -> Check {
        let mend =
            "address, merchant's code and keys in the settings, and the way through firewalls";
        let call = match dialect.ask_create(order) {
            Ask::Done(_) => return Check::pass(CREATE, "no call is needed"),
            Ask::Call(call) => call,
        };
        match self.call(call, |answer| dialect.hear_create(order, answer)).await {
            Ok(Created::Ready(_)) => Check::pass(CREATE, order.reference.clone()),
            Ok(Created::Refused { code }) => Check::fail(CREATE, format!("refused: {code}"), mend),
            Ok(Created::Unknown { why }) | Err(why) => Check::fail(CREATE, why, mend),
        }
    }

    async fn query(&self, dialect: &dyn Dialect, order: &Order) -> Check {
        let mend = "the address and the rights of the partner's query";
        let Some(call) = dialect.ask_query(order, self.now, rand::random()) else {
            return Check::skip(QUERY, "it cannot be asked; its report settles");
        };
        match self.call(call, |answer| dialect.hear_query(order, answer)).await {
            Ok(Standing::Waiting(_)) => Check::pass(QUERY, "waiting"),
            // A gateway knows an order from the moment its page is opened.
            Ok(Standing::NotFound) => Check::pass(QUERY, "not known before its page is opened"),
            Ok(Standing::Collected(_)) => Check::fail(
                QUERY,
                "said to be paid",
                "nobody paid: do not go live before the partner has explained it",
            ),
            Ok(Standing::Failed { code }) => Check::fail(QUERY, format!("failed: {code}"), mend),
            Ok(Standing::Unknown { why }) | Err(why) => Check::fail(QUERY, why, mend),
        }
    }

    async fn strange(&self, dialect: &dyn Dialect) -> Check {
        let order = self.order(dialect);
        let Some(call) = dialect.ask_query(&order, self.now, rand::random()) else {
            return Check::skip(STRANGE, "it cannot be asked");
        };
        match self.call(call, |answer| dialect.hear_query(&order, answer)).await {
            Ok(Standing::Collected(_) | Standing::Waiting(_)) => Check::fail(
                STRANGE,
                "it knows an order that was never made",
                "do not go live before the partner has explained it",
            ),
            Ok(Standing::NotFound) => Check::pass(STRANGE, "not found"),
            Ok(Standing::Failed { code }) => Check::pass(STRANGE, format!("failed: {code}")),
            Ok(Standing::Unknown { why }) => Check::pass(STRANGE, format!("nothing said: {why}")),
            Err(why) => Check::fail(STRANGE, why, "the way to the partner's query"),
        }
    }

    async fn cancel(&self, dialect: &dyn Dialect, order: &Order) -> Vec<Check> {
        let mend = "the address and the rights of the partner's cancelling";
        let Some(call) = dialect.ask_cancel(order) else {
            return vec![Check::skip(CANCEL, "orders end by their time alone")];
        };
        match self.call(call, |answer| dialect.hear_cancel(order, answer)).await {
            Ok(Cancelled::Done) => {}
            Ok(Cancelled::TooLate) => {
                return vec![Check::fail(CANCEL, "said to be paid, or being paid", mend)];
            }
            Ok(Cancelled::Unknown { why }) | Err(why) => {
                return vec![Check::fail(CANCEL, why, mend)];
            }
        }
        let mut checks = vec![Check::pass(CANCEL, "done")];
        if let Some(call) = dialect.ask_query(order, self.now, rand::random()) {
            let heard = self.call(call, |answer| dialect.hear_query(order, answer)).await;
            checks.push(match heard {
                Ok(Standing::Failed { code }) => Check::pass(CANCELLED, format!("failed: {code}")),
                Ok(Standing::NotFound) => Check::pass(CANCELLED, "not found"),
                Ok(other) => Check::fail(CANCELLED, format!("{other:?}"), mend),
                Err(why) => Check::fail(CANCELLED, why, mend),
            });
        }
        checks
    }

    async fn refund(&self, dialect: &dyn Dialect, order: &Order) -> Check {
        let refund = RefundOrder {
            reference: dialect.refund_reference(self.now, rand::random()),
            order: order.clone(),
            transaction_id: "1".to_owned(),
            amount: order.amount,
            whole: true,
            created_at: self.now,
            requested_by: "certify".to_owned(),
        };
        let Some(call) = dialect.ask_refund(&refund) else {
            return Check::skip(REFUND, "refunds go by transfer");
        };
        match self.call(call, |answer| dialect.hear_refund(&refund, answer)).await {
            Ok(Refunding::Refused { code }) => Check::pass(REFUND, format!("refused: {code}")),
            Ok(Refunding::NotFound) => Check::pass(REFUND, "not found"),
            Ok(Refunding::Confirmed { .. }) => Check::fail(
                REFUND,
                "carried out",
                "money would leave for an order that was never paid: do not go live",
            ),
            Ok(Refunding::Processing) => Check::fail(
                REFUND,
                "being worked on",
                "ask the partner whether it refuses later, and by which code",
            ),
            // Some partners say the same to what they will do later and to what they never will.
            Ok(Refunding::Unknown { why }) => {
                Check::skip(REFUND, format!("nothing said: {why}; try one of a real payment"))
            }
            Err(why) => {
                Check::fail(REFUND, why, "the address and the rights of the partner's refunds")
            }
        }
    }

    /// A partner that takes calls of anybody makes orders, and refunds, for anybody.
    pub(super) async fn wrong_keys(&self, dialect: &str, settings: &[u8]) -> Check {
        let Ok(dialect) = dialects::from_settings(dialect, settings) else {
            return Check::skip(WRONG_KEYS, "no wrong key has the form of a key");
        };
        let order = self.order(&*dialect);
        let taken = match dialect.ask_create(&order) {
            Ask::Call(call) => {
                let heard = self.call(call, |answer| dialect.hear_create(&order, answer)).await;
                heard.map(|heard| match heard {
                    Created::Ready(_) => Err("an order was made".to_owned()),
                    Created::Refused { code } => Ok(format!("refused: {code}")),
                    Created::Unknown { why } => Ok(why),
                })
            }
            Ask::Done(_) => match dialect.ask_query(&order, self.now, rand::random()) {
                None => return Check::skip(WRONG_KEYS, "it is not called"),
                Some(call) => {
                    let heard = self.call(call, |answer| dialect.hear_query(&order, answer)).await;
                    heard.map(|heard| match heard {
                        Standing::Collected(_) | Standing::Waiting(_) => {
                            Err("an answer was given".to_owned())
                        }
                        Standing::Failed { code } => Ok(format!("refused: {code}")),
                        Standing::NotFound => Ok("nothing said".to_owned()),
                        Standing::Unknown { why } => Ok(why),
                    })
                }
            },
        };
        match taken {
            Ok(Ok(seen)) => Check::pass(WRONG_KEYS, seen),
            Ok(Err(seen)) => Check::fail(
                WRONG_KEYS,
                seen,
                "the partner does not check our signature: do not go live",
            ),
            Err(why) => Check::fail(WRONG_KEYS, why, "the way to the partner"),
        }
    }
}
