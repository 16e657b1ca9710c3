//! What happens to the fees of the demo, one story each.

use serde_json::{Value, json};

use super::{DemoError, Stage, say, text};
use crate::commands::client::ClientError;

impl Stage {
    pub async fn plain(&mut self, n: u32) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid by VietQR", &json!({})).await?;
        // Some scan the QR of the invoice itself, some have their bank mangle the memo.
        let more = match n % 3 {
            1 => json!({ "outcome": "mangled_memo" }),
            2 => json!({ "fault": "duplicate" }),
            _ => json!({}),
        };
        self.pay(text(&invoice, "qr"), &more).await?;
        self.wait_for(&invoice, "paid").await
    }

    pub async fn twice(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid twice by mistake", &json!({})).await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_twice" })).await?;
        self.wait_for(&invoice, "paid").await
    }

    pub async fn wrong_amount(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid with too much", &json!({})).await?;
        let owed: u64 = text(&invoice["amount"], "amount").parse().unwrap_or(0);
        let amount = (owed + 50_000).to_string();
        let more = json!({ "outcome": "wrong_amount", "amount": amount });
        self.pay(text(&invoice, "qr"), &more).await?;
        self.wait_for(&invoice, "paid").await
    }

    pub async fn in_parts(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid in two parts", &json!({})).await?;
        let owed: u64 = text(&invoice["amount"], "amount").parse().unwrap_or(0);
        for part in [owed / 4, owed - owed / 4] {
            let more = json!({ "outcome": "wrong_amount", "amount": part.to_string() });
            self.pay(text(&invoice, "qr"), &more).await?;
        }
        self.wait_for(&invoice, "paid").await
    }

    /// Chooses a partner on the pay page, as a browser would; the way to its own page.
    async fn choose(&self, invoice: &Value, partner: &str) -> Result<String, DemoError> {
        let page = text(invoice, "pay_url");
        let path = page.strip_prefix(&self.url).unwrap_or(page);
        let request = self
            .web
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("partner={partner}"));
        let response = request.send().await.map_err(ClientError::from)?;
        let to = response.headers().get("location").and_then(|v| v.to_str().ok());
        match to {
            Some(to) if to.contains(&format!("/{partner}/")) => Ok(to.to_owned()),
            other => Err(DemoError::InVain(format!("the way to {partner}, got {other:?}"))),
        }
    }

    pub async fn at_the_partners_page(
        &mut self,
        partner: &str,
        what: &str,
    ) -> Result<Value, DemoError> {
        let invoice = self.issue(what, &json!({})).await?;
        let order = self.choose(&invoice, partner).await?;
        self.pay(&order, &json!({})).await?;
        self.wait_for(&invoice, "paid").await?;
        Ok(invoice)
    }

    /// A transfer to an account of another bank than the one whose orders everybody gets.
    pub async fn by_transfer_to(
        &mut self,
        partner: &str,
        what: &str,
    ) -> Result<(Value, Value), DemoError> {
        let more = json!({ "channels": [partner] });
        let invoice = self.issue(&format!("a fee, transferred to {what}"), &more).await?;
        let did = self.pay(text(&invoice, "qr"), &json!({})).await?;
        self.wait_for(&invoice, "paid").await?;
        Ok((invoice, did))
    }

    /// Debited but suspicious: neither paid nor failed. Then the gateway finds the money, and the
    /// message that says so is lost.
    pub async fn unknown(&mut self) -> Result<Value, DemoError> {
        let invoice = self.issue("a fee, debited by VNPAY, outcome unknown", &json!({})).await?;
        let order = self.choose(&invoice, "vnpay").await?;
        self.pay(&order, &json!({ "outcome": "debited_unknown" })).await?;
        self.wait_for(&invoice, "pending").await?;
        self.pay(&order, &json!({ "outcome": "paid_late", "fault": "lost" })).await?;
        say("  the gateway has found the money and its message is lost: we shall ask");
        Ok(invoice)
    }

    pub async fn found_by_asking(&self, invoice: &Value) -> Result<(), DemoError> {
        say(&format!("the outcome of invoice {} is asked after", text(invoice, "code")));
        self.wait_for(invoice, "paid").await
    }

    pub async fn refunded(&mut self) -> Result<(), DemoError> {
        let paid = self.at_the_partners_page("momo", "a fee, given back by MoMo").await?;
        let now = self.clock.now();
        let refundable = self.read(&paid).await?["refundable"].clone();
        let body = json!({
            "amount": refundable, "refundable": refundable, "reason": "hồ sơ bị từ chối",
        });
        let path = format!("/v1/invoices/{}/refunds", text(&paid, "id"));
        let (key, bytes) = (format!("refund-{}", text(&paid, "code")), body.to_string());
        let asked = self.portal.post(&path, &key, bytes.into_bytes(), now).await?;
        let refund = asked.success("asking for a refund")?;
        let path = format!("/v1/refunds/{}", text(&refund, "id"));
        let key = format!("approve-{}", text(&refund, "id"));
        let approve = format!("{path}/approve");
        let approved = self.approver.post(&approve, &key, b"{}".to_vec(), now).await?;
        approved.success("approving a refund")?;
        say("  the portal asks for the money back, another person there approves");
        self.until("the refund to be confirmed", async || {
            let read = self.portal.get(&path, self.clock.now()).await?;
            Ok(text(&read.success("reading a refund")?, "status") == "confirmed")
        })
        .await?;
        say("  the wallet has given it back: the refund is confirmed");
        Ok(())
    }

    pub async fn taken_back(&mut self) -> Result<(), DemoError> {
        let what = "a bank that takes it back";
        let (invoice, did) = self.by_transfer_to("directbank", what).await?;
        let transaction = text(&did["transactions"][0], "transaction_id").to_owned();
        let path = format!("/v1/settlements/{transaction}/reversal");
        let by = format!("R-{transaction}");
        let body = json!({ "transaction_id": by, "reason": "chuyển nhầm" }).to_string();
        let now = self.clock.now();
        let answer = self.bank.post(&path, &by, body.into_bytes(), now).await?;
        answer.success("reporting a reversal")?;
        self.wait_for(&invoice, "pending").await?;
        say("  the debt stands again, and the portal is told");
        Ok(())
    }

    pub async fn late(&mut self) -> Result<(), DemoError> {
        let soon = self.clock.now() + chrono::Duration::seconds(3);
        let invoice = self.issue("a fee that expires", &json!({ "expires_at": soon })).await?;
        say("  nobody pays it in time");
        self.wait_for(&invoice, "expired").await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_late" })).await?;
        self.wait_for(&invoice, "paid").await
    }

    pub async fn cancelled(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee that the portal withdraws", &json!({})).await?;
        let path = format!("/v1/invoices/{}/cancel", text(&invoice, "id"));
        let key = format!("cancel-{}", text(&invoice, "code"));
        let body = json!({ "reason": "the citizen withdrew the dossier" }).to_string().into_bytes();
        let now = self.clock.now();
        self.portal.post(&path, &key, body, now).await?.success("cancelling")?;
        self.wait_for(&invoice, "cancelled").await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_late" })).await?;
        Ok(())
    }

    /// Somebody pays a fee by hand and writes a text that names nothing; the payer's invoice.
    pub async fn unnamed_money(&mut self) -> Result<Value, DemoError> {
        let what = "a fee, transferred by hand with a text that names nothing";
        let invoice = self.issue(what, &json!({})).await?;
        let more = json!({ "outcome": "unknown_reference" });
        self.pay(text(&invoice, "qr"), &more).await?;
        Ok(invoice)
    }
}
