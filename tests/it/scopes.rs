//! Who sees whose money: the scopes of the roles that look at money, and of no others.

use serde_json::{Value, json};

use crate::support::statements::{Of, Told};
use crate::support::town::ACCOUNT;
use crate::support::{Person, Town, text};

/// A town in which each list of money has something of agency `G01.A` in it.
async fn town() -> (Town, Value) {
    let town = Town::doors().await;
    town.approver().await;
    let paid = town.paid_by_bank("T1", 100_000).await;
    assert_eq!(town.settle("T2", 50_000, "NOBODY").await, "suspense");
    town.ask_back(&paid, 40_000, 100_000).await.expect(201);
    town.numbers().await;
    let (today, code) = (town.today(), text(&paid, "code"));
    let of = Of {
        kind: "account",
        partner: "directbank",
        account: ACCOUNT,
        reference: "S1",
        day: today,
    };
    let lines = [
        Told::payment("T1", 100_000, today).memo(code),
        Told::payment("X", -7_000, today).nature("other").memo("phi"),
    ];
    town.stage(of, &lines).await;
    town.app.matching.run().await.expect("it matches");
    town.app.days().sweep().await.expect("days");
    (town, paid)
}

/// The doors that tell of money: address, and the list in it.
fn doors(town: &Town) -> Vec<(String, &'static str)> {
    let day = town.today();
    vec![
        ("/v1/receipts".to_owned(), "receipts"),
        ("/v1/refunds".to_owned(), "refunds"),
        ("/v1/breaks".to_owned(), "breaks"),
        (format!("/v1/matches?day={day}"), "matches"),
        (format!("/v1/matching/lines?day={day}"), "lines"),
        (format!("/v1/reconciliation?day={day}"), "accounts"),
        ("/v1/positions".to_owned(), "positions"),
        ("/v1/files".to_owned(), "files"),
        ("/v1/days".to_owned(), "days"),
    ]
}

/// How many rows somebody is shown; none when the door is shut to them.
async fn shown(person: &Person, (path, list): &(String, &'static str)) -> usize {
    let answer = person.get(path).await;
    if answer.status == 403 {
        return 0;
    }
    let told = answer.expect(200);
    told[*list].as_array().unwrap_or_else(|| panic!("{path}: no {list} in {told}")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_runs_the_service_for_everybody_sees_no_agencys_money_by_that() {
    let (town, paid) = town().await;
    let all = town.person("all@town.example", &["viewer:*"]).await;
    let runs = ["officer:G09", "operator:*", "admin:*"];
    let an = town.person("an@town.example", &runs).await;
    for door in doors(&town) {
        assert!(shown(&all, &door).await > 0, "{door:?} has nothing in it: this proves nothing");
        assert_eq!(shown(&an, &door).await, 0, "{door:?}");
    }
    for path in ["/v1/payovers", "/v1/files", "/v1/days"] {
        an.get(path).await.problem(403, "forbidden");
        all.get(path).await.expect(200);
    }
    // One by one neither.
    for (list, name) in [("/v1/receipts", "receipts"), ("/v1/breaks", "breaks")] {
        let told = all.get(list).await.expect(200);
        let path = format!("{list}/{}", text(&told[name][0], "id"));
        all.get(&path).await.expect(200);
        an.get(&path).await.problem(404, "not-found");
    }
    // What waits for a second person is for those who see the money, who decide, and who made it.
    let receipts = all.get("/v1/receipts").await.expect(200);
    let receipt = text(&receipts["receipts"][0], "id");
    let maker = town.person("maker@town.example", &["officer:G01.A"]).await;
    let path = format!("/v1/receipts/{receipt}/cancel");
    let waits = maker.post(&path, &json!({ "reason": "sai tên" })).await.expect(202);
    let approval = text(&waits, "approval");
    let path = format!("/v1/approvals/{approval}");
    all.get(&path).await.expect(200);
    maker.get(&path).await.expect(200);
    an.get(&path).await.problem(404, "not-found");
    assert!(!an.get("/v1/approvals").await.text().contains(approval));
    assert!(all.get("/v1/approvals").await.text().contains(approval));
    drop(paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_shows_who_runs_the_service_no_agencys_money() {
    let (town, paid) = town().await;
    let (mut all, _) = town.at_the_desk("all@town.example", &["viewer:*"]).await;
    let roles = ["officer:G09", "operator:*", "admin:*"];
    let (mut an, _) = town.at_the_desk("an@town.example", &roles).await;
    let (day, code) = (town.today(), text(&paid, "code"));
    for (path, mark) in [
        ("/desk/receipts".to_owned(), "G01.A"),
        ("/desk/refunds".to_owned(), code),
        ("/desk/invoices".to_owned(), code),
        ("/desk/breaks".to_owned(), "directbank"),
        (format!("/desk/matches?day={day}"), "directbank"),
        ("/desk/payovers".to_owned(), "G01.A"),
        ("/desk/ledger".to_owned(), "G01.A"),
        ("/desk/reports".to_owned(), "G01.A"),
        ("/desk/files".to_owned(), "directbank"),
        ("/desk/days".to_owned(), &*day.format("%d/%m/%Y").to_string()),
        ("/desk".to_owned(), "directbank"),
    ] {
        let seen = all.get(&path).await;
        assert!(seen.text().contains(mark), "{path} has nothing in it: this proves nothing");
        let text = an.get(&path).await.text();
        let rows = text.split("<tbody").nth(1).unwrap_or_default();
        assert!(!rows.contains(mark), "{path}: {text}");
    }
}
