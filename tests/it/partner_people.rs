//! People who work for a partner: they see what is that partner's and nothing else, on the desk and at
//! every door; nobody is on both sides.

use payclear::approvals::propose::Maker;
use payclear::platform::audit::By;
use payclear::vocabulary::clock::Clock as _;
use serde_json::{Value, json};

use crate::desk::{Browser, PARTS, between, place};
use crate::support::{Town, text};

/// The pages of a partner's people.
const THEIRS: &[&str] = &[
    "/desk/partner",
    "/desk/partner/files",
    "/desk/partner/breaks",
    "/desk/partner/traffic",
    "/desk/partner/keys",
];

/// Doors that let officers of everything in.
const OURS: &[&str] = &[
    "/v1/files",
    "/v1/breaks",
    "/v1/days",
    "/v1/approvals",
    "/v1/matches",
    "/v1/receipts",
    "/v1/payovers",
    "/v1/refunds",
    "/v1/sweeps",
    "/v1/delegations",
    "/v1/reconciliation",
    "/v1/partner-terms",
];

/// No faster than a person may call.
async fn slowly() {
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partners_person_sees_nothing_of_ours_and_we_have_no_page_of_theirs() {
    let town = Town::doors().await;
    town.approver().await;
    let (mut teller, person) =
        town.at_the_desk("teller@bank.example", &["partner:directbank"]).await;
    let first = teller.get("/desk").await;
    assert_eq!((first.status, place(&first)), (303, "/desk/partner"));
    let menu = teller.get("/desk/partner").await.text();
    for path in THEIRS {
        slowly().await;
        for lang in ["vi", "en"] {
            assert_eq!(teller.get(&format!("{path}?lang={lang}")).await.status, 200, "{path}");
        }
        assert!(menu.contains(&format!("href=\"{path}\"")), "{path}");
        assert_eq!(Browser::new(&town).get(path).await.status, 303, "{path}");
    }
    for (path, _) in PARTS.iter().filter(|(path, _)| !matches!(*path, "/desk" | "/desk/me")) {
        slowly().await;
        assert_eq!(teller.get(path).await.status, 403, "{path}");
        assert!(!menu.contains(&format!("href=\"{path}\"")), "{path}");
    }
    for path in OURS {
        slowly().await;
        person.get(path).await.problem(403, "forbidden");
    }
    assert!(teller.get("/desk/me?lang=vi").await.text().contains("Đối tác – directbank"));
    let session = person.get("/v1/session").await.expect(200);
    assert_eq!(session["roles"], json!([{ "role": "partner", "scope": "directbank" }]));

    let (mut all, _) = town
        .at_the_desk(
            "all@town.example",
            &["viewer", "officer", "approver", "operator", "auditor", "admin"],
        )
        .await;
    for path in THEIRS {
        slowly().await;
        assert_eq!(all.get(path).await.status, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_breaks_are_the_one_partners() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let (mut teller, person) =
        town.at_the_desk("teller@bank.example", &["partner:directbank"]).await;
    let (mut other, _) = town.at_the_desk("an@wallet.example", &["partner:samplebank"]).await;

    // A file: kept with its verdict, whatever it is; ours see who brought it, another partner nothing.
    let csrf = teller.token("/desk/partner/files").await;
    let none = teller.send_file("/desk/partner/files", &[("csrf", &csrf)], ("", b"")).await;
    assert!(none.text().contains("bring-file-fault"), "told under the field: {}", none.text());
    let stale = teller.send_file("/desk/partner/files", &[("csrf", "0")], ("a.xml", b"<a/>")).await;
    assert_eq!(stale.status, 403);
    let sent =
        teller.send_file("/desk/partner/files", &[("csrf", &csrf)], ("a.xml", b"<a/>")).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let page = place(&sent).split('?').next().expect("a path").to_owned();
    let shown = teller.get(&page).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text().contains("teller@bank.example"), "its own people are known to it");
    let content = teller.get(&format!("{page}/content")).await;
    assert_eq!((content.status, &*content.body), (200, b"<a/>".as_slice()));
    for path in [page.clone(), format!("{page}/content")] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
    }
    assert!(!other.get("/desk/partner/files").await.text().contains("a.xml"));
    let listed = an.get("/v1/files").await.expect(200);
    let file = &listed["files"][0];
    assert_eq!((text(file, "source"), text(file, "partner")), ("partner", "directbank"));
    // What our people brought shows the partner no name of ours.
    let (mut officer, _) = town.at_the_desk("binh@town.example", &["officer:*"]).await;
    let csrf = officer.token("/desk/files").await;
    let brought = officer.send_file("/desk/files", &[("csrf", &csrf)], ("b.xml", b"<b/>")).await;
    assert_eq!(brought.status, 303);

    // A break: only what is shared, only with whom; the answer is the partner's.
    town.settle("T1", 50_000, "ung ho").await;
    let case = town.case_of("B07").await;
    let path = format!("/desk/partner/breaks/{case}");
    assert_eq!(teller.get(&path).await.status, 404, "not shared yet");
    let until = town.clock.now() + chrono::Duration::days(3);
    let asks = json!({ "until": until, "reason": "whose money is this?", "ask": true });
    an.post(&format!("/v1/breaks/{case}/wait"), &asks).await.expect(200);
    let shown = teller.get(&path).await.text();
    assert!(shown.contains("whose money is this?") && !shown.contains("an@town.example"));
    assert_eq!(other.get(&path).await.status, 404);
    assert!(!other.get("/desk/partner/breaks").await.text().contains(case.as_str()));
    let csrf = teller.token(&path).await;
    let empty = teller.send_file(&path, &[("csrf", &csrf), ("text", " ")], ("", b"")).await;
    assert_eq!(empty.status, 422);
    assert!(empty.text().contains("answer-text-fault"));
    let theirs = other.token("/desk/partner/keys").await;
    let fields = [("csrf", &*theirs), ("text", "mine")];
    assert_eq!(other.send_file(&path, &fields, ("", b"")).await.status, 404);
    let fields = [("csrf", &*csrf), ("text", "của bà An\r\nxem giấy báo")];
    let answered = teller.send_file(&path, &fields, ("giay-bao.txt", "tiền".as_bytes())).await;
    assert_eq!(answered.status, 303, "{}", answered.text());
    let told = an.get(&format!("/v1/breaks/{case}")).await.expect(200);
    let heard = told["comments"].as_array().and_then(|all| all.last()).expect("a comment");
    assert_eq!(text(heard, "by"), "partner/directbank teller@bank.example");
    assert_eq!(text(heard, "text"), "của bà An\nxem giấy báo");
    assert_eq!(text(&told["break"], "state"), "assigned", "whoever asked has it back");
    let page = teller.get(&path).await.text();
    let proof = format!("{path}/evidence/{}", between(&page, &format!("{path}/evidence/"), "\""));
    assert_eq!(teller.get(&proof).await.body, "tiền".as_bytes());
    assert_eq!(other.get(&proof).await.status, 404);

    // Positions by JSON: its own alone.
    let own = person.get("/v1/positions").await.expect(200);
    assert!(!own.to_string().contains("samplebank"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_by_the_partner_and_let_in_by_us() {
    let town = Town::doors().await;
    town.approver().await;
    let (mut teller, _) = town.at_the_desk("teller@bank.example", &["partner:directbank"]).await;
    let (mut other, _) = town.at_the_desk("an@wallet.example", &["partner:samplebank"]).await;
    let csrf = teller.token("/desk/partner/keys").await;
    let made = teller.post("/desk/partner/keys/make", &[("csrf", &csrf)]).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.headers["cache-control"], "no-store");
    let shown = made.text();
    assert!(shown.contains("Bí mật (base64)"), "shown once");
    let listed = teller.get("/desk/partner/keys?format=json").await.json();
    let waits = listed["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .find(|key| key["usable_since"].is_null())
        .expect("a key that waits");
    let key = text(waits, "key").to_owned();
    assert!(shown.contains(&key));
    let later = teller.get("/desk/partner/keys").await.text();
    assert!(later.contains(&key) && !later.contains("Bí mật (base64)"), "and never again");
    assert!(!other.get("/desk/partner/keys").await.text().contains(&key), "another's");
    let approval = town.approver().await.get("/v1/approvals?kind=key.add").await.expect(200);
    assert_eq!(text(&approval["approvals"][0], "made_by"), "teller@bank.example");
    town.approve(text(&approval["approvals"][0], "id")).await;

    // Another partner's key is not there to be revoked; one's own goes at once, and only on purpose.
    let theirs = other.token("/desk/partner/keys").await;
    let fields = [("csrf", &*theirs), ("key", &*key), ("sure", "yes")];
    assert_eq!(other.post("/desk/partner/keys/revoke", &fields).await.status, 404);
    let unsure = [("csrf", &*csrf), ("key", &*key)];
    assert_eq!(teller.post("/desk/partner/keys/revoke", &unsure).await.status, 422);
    let fields = [("csrf", &*csrf), ("key", &*key), ("sure", "yes")];
    let done = teller.post("/desk/partner/keys/revoke", &fields).await;
    assert_eq!(place(&done), "/desk/partner/keys?told=done", "{}", done.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_on_both_sides() {
    let town = Town::doors().await;
    town.approver().await;
    let teller = town.person("teller@bank.example", &["partner:directbank"]).await;
    let an = town.person("an@town.example", &["officer:G01", "viewer:*"]).await;
    // Neither entered so, nor changed to it, nor lent to.
    for both in [&["partner:directbank", "viewer:G01"][..], &["partner:directbank", "partner:momo"]]
    {
        let maker = Maker::pending(By { actor: "tests", at: town.clock.now() });
        let refused = town.try_to_enter("both@town.example", both, maker).await;
        assert!(refused.expect_err("two sides").to_string().contains("that one role"));
    }
    let change = json!({ "email": an.email, "roles": ["officer:G01", "partner:directbank"] });
    let admin = town.approver().await;
    admin.post("/v1/people/roles", &change).await.points_to("/roles");
    let today = payclear::vocabulary::day::to_local(town.clock.now()).date();
    let lend = json!({
        "receiver": teller.email, "role": "officer", "scope": "G01", "from": today,
        "until": today, "reason": "nghỉ phép",
    });
    an.post("/v1/delegations", &lend).await.points_to("/receiver");
    // And the database says so, whatever asks it.
    let id = |email: &str| format!("(select person_id from person where email = '{email}')");
    for (email, role, scope) in [
        ("teller@bank.example", "viewer", "*"),
        ("teller@bank.example", "partner", "samplebank"),
        ("an@town.example", "partner", "directbank"),
        ("an@town.example", "partner", "*"),
    ] {
        let sql = format!(
            "insert into person_role (person_id, role, scope) values ({}, '{role}', '{scope}')",
            id(email)
        );
        town.as_owner(&sql).await.expect_err(&sql);
    }
    let lent = format!(
        "insert into delegation (delegation_id, giver_id, receiver_id, role, scope, first_day,
             last_day, reason, made_at, made_by)
         values (gen_random_uuid(), {}, {}, 'officer', 'G01', current_date, current_date, 'x', now(),
             'x')",
        id("an@town.example"),
        id("teller@bank.example")
    );
    town.as_owner(&lent).await.expect_err("nothing is lent to a partner's person");
    assert_eq!(
        teller.get("/v1/session").await.expect(200)["roles"].as_array().map(Vec::len),
        Some(1)
    );
    let none: Value = teller.get("/v1/breaks").await.problem(403, "forbidden");
    assert!(none["type"].is_string());
}
