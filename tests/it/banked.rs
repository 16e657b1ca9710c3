//! Procedures that have their portals told only once the money was seen in the bank.

use payclear::platform::audit::By;
use payclear::registers::import::import;
use payclear::settlements::bank;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::SettlementId;
use serde_json::json;
use uuid::Uuid;

use crate::support::town::PROCEDURE;
use crate::support::{Town, text};

impl Town {
    /// From now on this town's procedure has its portals told when the money was seen in the bank.
    async fn tells_when_banked(&self) {
        let folder = std::env::temp_dir().join(format!("banked-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let rows = format!(
            "code,valid_from,name,name_en,notify_at,closed\n{PROCEDURE},2026-01-02,Thủ tục,Procedure,banked,\n"
        );
        std::fs::write(folder.join("procedures.csv"), rows).expect("a file");
        let by = By { actor: "tests", at: self.clock.now() };
        import(&self.pool, by, &folder).await.expect("it is taken");
        std::fs::remove_dir_all(&folder).expect("gone");
        self.app.directory.refresh().await.expect("the registers");
    }

    async fn is_seen(&self, transaction: &str) {
        let id: Uuid =
            sqlx::query_scalar("select settlement_id from settlement where transaction_id = $1")
                .bind(transaction)
                .fetch_one(&self.pool)
                .await
                .expect("a settlement");
        let mut tx = self.pool.begin().await.expect("a transaction");
        let (books, now) = (&self.app.accounts, self.clock.now());
        bank::confirm_in(&mut tx, books, SettlementId(id), None, "an@town.example", now)
            .await
            .expect("it is banked");
        tx.commit().await.expect("a commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_is_told_when_all_that_paid_was_seen_in_the_bank() {
    let town = Town::whole().await;
    town.tells_when_banked().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    town.is_seen("T1").await;
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");
    assert_eq!(town.status(&invoice).await, "paid");
    let told = async |town: &Town| {
        town.app.telling().sweep().await.expect("a sweep");
        town.count("outbox where kind = 'notice.due'").await == 0
            && town.told(&invoice).await.is_empty()
    };
    assert!(told(&town).await, "the rest was not seen yet");
    // The feed tells at once, and that it is the partner's word alone.
    let steps = town.portal.get(&format!("/v1/invoices/{}/events", text(&invoice, "id"))).await;
    let steps = steps.expect(200);
    let mut paid = steps["events"].as_array().expect("events").iter();
    let paid = paid.rfind(|e| e["type"] == "invoice.paid" || e["kind"] == "invoice.paid");
    let detail = &paid.expect("it is paid")["data"]["detail"];
    assert_eq!((&detail["cash"], &detail["notify_at"]), (&json!("reported"), &json!("banked")));
    // Lost messages are looked for: what waits for the bank is none.
    let now = town.clock.now() + chrono::Duration::hours(1);
    let lost = payclear::notices::recover::resend_lost(&town.pool, (None, now), now).await;
    assert_eq!(lost.expect("a look"), 0);

    town.is_seen("T2").await;
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
    assert_eq!(town.count("due where kind = 'invoice.banked'").await, 0);
    assert_eq!(town.count("event where kind = 'invoice.banked'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_that_tells_when_paid_waits_for_no_bank() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    town.settle("T1", 100_000, text(&invoice, "code")).await;
    assert_eq!(town.count("outbox where kind = 'notice.due'").await, 1);
    town.is_seen("T1").await;
    assert_eq!(town.count("due where kind = 'invoice.banked'").await, 0);
}
