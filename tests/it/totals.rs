//! Control totals: a portal computes the same over its own list, and the database finds them without
//! reading everything.

use std::collections::BTreeMap;
use std::fmt::Write;

use payclear::platform::sequencer::sequence_once;
use payclear::vocabulary::clock::SharedClock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Town, money, text, until};

async fn sequence(town: &Town) {
    let clock: SharedClock = town.clock.clone();
    sequence_once(&town.pool, &clock, "tests").await.expect("a batch");
}

/// The portal's own list: what its feed told, as `kind → agency → lines`.
async fn own_list(town: &Town, day: &str) -> BTreeMap<(String, String), Vec<(String, String)>> {
    let mut lists: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    let page = town.portal.get("/v1/events?limit=500").await.expect(200);
    for event in page["events"].as_array().expect("events") {
        let (data, at) = (&event["data"], text(event, "at"));
        let instant: chrono::DateTime<chrono::Utc> = at.parse().expect("an instant");
        let local = instant + chrono::Duration::hours(7);
        if local.format("%Y-%m-%d").to_string() != day {
            continue;
        }
        let amount = match text(event, "type") {
            "invoice.paid" | "payment.reversed" => &data["amount"],
            "refund.confirmed" => &data["detail"]["refund_amount"],
            _ => continue,
        };
        let line = format!("{},{},{at}", text(data, "code"), text(amount, "amount"));
        let key = (text(data, "agency").to_owned(), text(event, "type").to_owned());
        lists.entry(key).or_default().push((line, text(amount, "amount").to_owned()));
    }
    lists
}

/// As the documentation says it.
fn digest(lines: &mut [(String, String)]) -> String {
    lines.sort();
    let mut text = String::new();
    for (line, _) in lines {
        let _ = writeln!(text, "{line}");
    }
    hex::encode(Sha256::digest(text))
}

async fn totals(town: &Town, day: &str) -> Value {
    town.portal.get(&format!("/v1/totals?day={day}")).await.expect(200)
}

fn today(town: &Town) -> String {
    use payclear::vocabulary::clock::Clock;
    (town.clock.now() + chrono::Duration::hours(7)).format("%Y-%m-%d").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_computes_the_same_totals_over_its_own_list() {
    let town = Town::doors().await;
    let day = today(&town);
    for n in 0..7_u64 {
        let amount = 5_000 + 1_000 * n;
        let agency = if n % 3 == 0 { "G01.B" } else { "G01.A" };
        let invoice = town.issue_with(amount, &json!({ "agency": agency })).await;
        if n != 5 {
            town.settle(&format!("T{n}"), amount, text(&invoice, "code")).await;
        }
        if n == 2 {
            assert_eq!(town.reverse("T2", "R2").await.status, 204);
            // Paid again: the same code stands twice in the day's list.
            town.settle("T2-again", amount, text(&invoice, "code")).await;
        }
    }
    until("everything to be counted", || async {
        sequence(&town).await;
        let told = totals(&town, &day).await;
        let counts = |kind: &str| -> i64 {
            let of = |of: &Value| of[kind]["count"].as_i64().unwrap_or(0);
            told["totals"].as_array().expect("totals").iter().map(of).sum()
        };
        (counts("paid"), counts("reversed")) == (7, 1)
    })
    .await;

    let told = totals(&town, &day).await;
    assert_eq!(told["day"], day.as_str());
    let mut own = own_list(&town, &day).await;
    let agencies = told["totals"].as_array().expect("totals");
    let codes: Vec<&str> = agencies.iter().map(|total| text(total, "agency")).collect();
    assert_eq!(codes, ["G01.A", "G01.B"]);
    for of in agencies {
        let agency = text(of, "agency").to_owned();
        for (name, kind) in [
            ("paid", "invoice.paid"),
            ("reversed", "payment.reversed"),
            ("refunded", "refund.confirmed"),
        ] {
            let mut lines = own.remove(&(agency.clone(), kind.to_owned())).unwrap_or_default();
            let sum: i64 =
                lines.iter().map(|(_, amount)| amount.parse::<i64>().expect("đồng")).sum();
            let total = &of[name];
            assert_eq!(total["count"], lines.len(), "{agency} {name}");
            assert_eq!(total["amount"], sum.to_string(), "{agency} {name}");
            assert_eq!(total["digest"], digest(&mut lines), "{agency} {name}");
        }
    }
    assert!(own.is_empty(), "not counted: {own:?}");

    // What is not in a batch yet is not counted, and `as_of` is where the feed goes on.
    let late = town.issue(9_000).await;
    town.settle("late", 9_000, text(&late, "code")).await;
    let again = totals(&town, &day).await;
    assert_eq!(again["totals"], told["totals"]);
    let as_of = text(&again, "as_of").to_owned();
    until("the feed to go on", || async {
        sequence(&town).await;
        let page = town.portal.get(&format!("/v1/events?cursor={as_of}")).await.expect(200);
        let read = page["events"].as_array().expect("events").clone();
        let kinds: Vec<&str> = read.iter().map(|event| text(event, "type")).collect();
        kinds == ["invoice.issued", "invoice.paid"]
    })
    .await;
    let paid = |told: &Value| told["totals"][0]["paid"]["count"].as_i64();
    assert_eq!(paid(&totals(&town, &day).await), paid(&told).map(|count| count + 1));
    let invoice = town.read(&late).await;
    assert_eq!(money(&invoice["amount"]), 9_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_portals_payments_and_other_days_are_not_counted() {
    let town = Town::doors().await;
    let invoice = town.issue(5_000).await;
    town.settle("T1", 5_000, text(&invoice, "code")).await;
    let day = today(&town);
    until("it to be counted", || async {
        sequence(&town).await;
        totals(&town, &day).await["totals"].as_array().expect("totals").len() == 1
    })
    .await;
    let kind = payclear::registers::caller::CallerKind::Portal;
    let other = town.caller(kind, "botp-mau").await;
    let path = format!("/v1/totals?day={day}");
    assert_eq!(other.get(&path).await.expect(200)["totals"], json!([]));
    assert_eq!(totals(&town, "2026-01-01").await["totals"], json!([]));
    for wrong in
        ["", "?day=", "?day=today", "?day=2026-1-2", "?day=2026-02-30", "?day=2026-01-01&x=1"]
    {
        town.portal.get(&format!("/v1/totals{wrong}")).await.problem(422, "invalid-request");
    }
    town.bank.get(&path).await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_read_by_its_index_among_many() {
    let town = Town::doors().await;
    // Two years of one portal's steps, a hundred payments a day among others.
    sqlx::query(
        "insert into event (made_at, kind, portal, agency, invoice_id, actor, body)
         select now() - make_interval(mins => n * 5),
                case n % 3 when 0 then 'invoice.paid' when 1 then 'invoice.issued'
                           else 'attempt.created' end,
                'dvc-mau', 'G01.A', gen_random_uuid(), 'test',
                '{\"code\":\"PG' || n || '\",\"amount\":{\"amount\":\"1000\",\"currency\":\"VND\"}}'
           from generate_series(1, 200000) n",
    )
    .execute(&town.pool)
    .await
    .expect("events");
    sqlx::query("analyze event").execute(&town.owner().await).await.expect("analysed");
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select body from event
          where portal = 'dvc-mau' and made_at >= now() - interval '2 days'
            and made_at < now() - interval '1 day'
            and kind in ('invoice.paid', 'payment.reversed', 'refund.confirmed')
            and made_by_tx < '1000000000'::xid8",
    )
    .fetch_all(&town.pool)
    .await
    .expect("a plan");
    let plan = plan.join("\n");
    assert!(plan.contains("event_money_idx"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
    until("them to be counted", || async {
        sequence(&town).await;
        let day = (chrono::Utc::now() - chrono::Duration::days(30)).format("%Y-%m-%d").to_string();
        let told = totals(&town, &day).await;
        // A payment every fifteen minutes.
        told["totals"][0]["paid"]["count"] == 96 && told["totals"][0]["paid"]["amount"] == "96000"
    })
    .await;
}
