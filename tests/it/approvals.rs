//! Four eyes: what one proposes another decides, on exactly what was proposed, once.

use chrono::Duration;
use payclear::app::Role;
use payclear::approvals::expire::expire_overdue;
use payclear::approvals::partners as configuring;
use payclear::approvals::people::{self, Drawing, EnterError};
use payclear::approvals::propose::{Maker, Proposal, ProposeError, propose_in};
use payclear::callers::keys::{self, KeyError};
use payclear::people::disable;
use payclear::people::password::Hasher;
use payclear::platform::audit::By;
use payclear::registers::caller::{Caller as Whose, CallerKind, KeyPurpose};
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::support::receiver::Receiver;
use crate::support::town::master_keys;
use crate::support::{Caller, PORTAL, Person, Plan, Town, text, until};

fn by<'a>(town: &Town, actor: &'a str) -> By<'a> {
    By { actor, at: town.clock.now() }
}

/// Something that waits, made by somebody, about an agency.
async fn proposed(town: &Town, actor: &str, agency: &str) -> String {
    let subject = format!("{:032x}", rand::random::<u128>());
    let content = json!({ "b": 1, "a": "x" });
    // Nothing is done when it is rejected, and `Changed` is said when it is approved.
    let kind = "endpoint.add";
    let proposal = Proposal { kind, subject: &subject, agency, content: &content };
    let mut conn = town.pool.acquire().await.expect("a connection");
    propose_in(&mut conn, by(town, actor), &proposal).await.expect("it waits").to_string()
}

/// An endpoint that waits; its answer when it was made.
async fn endpoint(town: &Town, url: &str) -> Value {
    town.portal.post("/v1/endpoints", &json!({ "url": url })).await.expect(201)
}

async fn status(person: &Person, id: &str) -> String {
    let seen = person.get(&format!("/v1/approvals/{id}")).await.expect(200);
    text(&seen, "status").to_owned()
}

fn hash(seen: &Value) -> Value {
    json!({ "content_hash": seen["content_hash"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_nothing_before_it_is_approved() {
    let town = Town::of(Plan {
        roles: &[Role::Relay, Role::Dispatch, Role::Notices, Role::Clock],
        with_simulators: false,
        amqp_url: None,
        settings: json!({ "clearing": { "standing_partner": "directbank" } }),
    })
    .await;
    let receiver = Receiver::start().await;
    let made = endpoint(&town, &receiver.url).await;
    assert_eq!(made["state"], "pending");
    let id = text(&made, "id");
    let first = town.issue(10_000).await;
    assert_eq!(town.settle("T1", 10_000, text(&first, "code")).await, "applied");
    // Nor does the portal open it by itself.
    let path = format!("/v1/endpoints/{id}");
    let enable = town.portal.post(&format!("{path}/enable"), &json!({})).await;
    enable.problem(409, "wrong-state");
    until("the notice to be let go", || async { town.count("outbox").await == 0 }).await;
    assert_eq!((receiver.got().len(), town.count("delivery").await), (0, 0));

    let done = town.approve(text(&made, "approval")).await;
    assert_eq!((text(&done, "status"), text(&done, "made_by")), ("applied", "portal/dvc-mau"));
    assert_eq!(done["content"]["url"].as_str(), made["url"].as_str());
    assert_eq!(town.portal.get(&path).await.expect(200)["state"], "open");
    let second = town.issue(10_000).await;
    assert_eq!(town.settle("T2", 10_000, text(&second, "code")).await, "applied");
    until("a notice", || async { !receiver.got().is_empty() }).await;
    assert_eq!(receiver.got()[0].json()["code"], second["code"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_endpoint_is_gone_and_a_withdrawn_one_cannot_be_approved() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let made = endpoint(&town, "http://127.0.0.1:9/a").await;
    let done = approver.decide(text(&made, "approval"), "reject").await.expect(200);
    assert_eq!((text(&done, "status"), text(&done, "decided_by")), ("rejected", &*approver.email));
    let path = format!("/v1/endpoints/{}", text(&made, "id"));
    town.portal.get(&path).await.problem(404, "not-found");

    let made = endpoint(&town, "http://127.0.0.1:9/b").await;
    let path = format!("/v1/endpoints/{}", text(&made, "id"));
    let gone = town.portal.sign("DELETE", &path, Some("gone"), b"");
    assert_eq!(town.portal.send(&gone).await.expect(200)["state"], "gone");
    let told = approver.decide(text(&made, "approval"), "approve").await;
    told.problem(409, "already-decided");
    assert_eq!(status(approver, text(&made, "approval")).await, "pending", "nothing was written");
    approver.decide(text(&made, "approval"), "reject").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_signs_nothing_before_it_is_approved() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let whose = Whose { kind: CallerKind::Portal, code: PORTAL.to_owned() };
    let (keys, maker) = (master_keys(), Maker::pending(by(&town, "cli/one")));
    let make = |maker, purpose| keys::make(&town.pool, &keys, maker, &whose, purpose);
    let made = make(maker, KeyPurpose::Sign).await.expect("a key");
    let key = |made: &keys::NewKey| Caller {
        key_id: made.key_id.clone(),
        secret: made.secret.expose().to_vec(),
        ..town.portal.clone()
    };
    let new = key(&made);
    town.app.directory.refresh().await.expect("the registers");
    new.get("/v1/endpoints").await.problem(401, "unauthenticated");
    let approval = made.approval.expect("it waits").to_string();
    let seen = approver.get(&format!("/v1/approvals/{approval}")).await;
    assert!(!seen.text().contains(made.secret.to_base64().as_str()), "no secret is shown");
    town.approve(&approval).await;
    new.get("/v1/endpoints").await.expect(200);

    // Two live: there is no third place; a key that approves has a place of its own, and another maker.
    let third = make(maker, KeyPurpose::Sign).await.expect_err("no place");
    assert!(matches!(third, KeyError::NoPlace { .. }), "{third}");
    let same = make(maker, KeyPurpose::Approve).await.expect_err("the same maker");
    assert!(matches!(same, KeyError::SamePerson { .. }), "{same}");
    let other = Maker::pending(by(&town, "cli/two"));
    let approving = make(other, KeyPurpose::Approve).await.expect("a key");
    town.approve(&approving.approval.expect("it waits").to_string()).await;
    key(&approving).get("/v1/endpoints").await.problem(401, "unauthenticated");
    let again = make(other, KeyPurpose::Approve).await.expect_err("never part of rotation");
    assert!(matches!(again, KeyError::NoPlace { .. }), "{again}");
    // One that is rejected is revoked, and gives its place free.
    let bank = Whose { kind: CallerKind::Partner, code: "directbank".to_owned() };
    for _ in 0..3 {
        let made = keys::make(&town.pool, &keys, maker, &bank, KeyPurpose::Sign).await;
        let id = made.expect("a key").approval.expect("it waits").to_string();
        approver.decide(&id, "reject").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_partner_wait_and_are_shown_without_secrets() {
    let town = Town::doors().await;
    let keys = master_keys();
    let settings = json!({
        "base_url": "https://bank.example", "client_id": "c", "api_key": "canary-1",
        "checksum_key": "canary-2",
    });
    let bytes = settings.to_string();
    let waits =
        |maker| configuring::configure(&town.pool, &keys, maker, "samplebank", bytes.as_bytes());
    let in_force = || async {
        sqlx::query_scalar::<_, Vec<u8>>("select settings from partner where code = 'samplebank'")
            .fetch_one(&town.pool)
            .await
            .expect("settings")
    };
    let before = in_force().await;
    let maker = Maker::pending(by(&town, "cli/one"));
    let id = waits(maker).await.expect("they wait").expect("an approval").to_string();
    assert_eq!(in_force().await, before);
    let again = waits(maker).await.expect_err("one question at a time");
    assert!(again.to_string().contains("waits for an approval already"), "{again}");
    let seen = town.approver().await.get(&format!("/v1/approvals/{id}")).await;
    assert!(seen.text().contains("https://bank.example") && !seen.text().contains("canary"));
    town.approve(&id).await;
    assert_ne!(in_force().await, before);
    let over = waits(Maker::bootstrap(by(&town, "cli/one"))).await.expect_err("it is over");
    assert!(over.to_string().contains("--bootstrap is over"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrapping_ends_with_the_first_approval() {
    let town = Town::doors().await;
    let (hasher, keys) = (Hasher::default(), master_keys());
    let drawing = Drawing { hasher: &hasher, keys: &keys };
    let roles = ["admin:*".parse().expect("a grant")];
    let add = |email: &'static str| {
        let maker = Maker::bootstrap(by(&town, "cli/one"));
        let (pool, roles) = (&town.pool, &roles);
        async move { people::add(pool, drawing, maker, (email, "X"), roles).await }
    };
    add("one@town.example").await.expect("the first");
    let approver = town.approver().await;
    // What is rejected ends nothing: nobody has been let in by another.
    let waiting = town.pending_person("cho@town.example", &["viewer"]).await;
    approver.decide(&waiting.approval.expect("it waits").to_string(), "reject").await.expect(200);
    add("two@town.example").await.expect("nothing was approved yet");
    let waiting = town.pending_person("cho@town.example", &["viewer"]).await;
    town.approve(&waiting.approval.expect("it waits").to_string()).await;
    let over = add("three@town.example").await.expect_err("it is over");
    assert!(matches!(over, EnterError::Propose(ProposeError::BootstrapOver)), "{over}");
    let told: i64 = sqlx::query_scalar("select count(*) from audit where action = 'bootstrap'")
        .fetch_one(&town.pool)
        .await
        .expect("a count");
    // Two keys, the partners' settings and three people.
    assert!(told >= 6, "each is in the audit: {told}");
    // The database says the same to whoever goes around the code.
    for statement in [
        "insert into caller_key (key_id, caller_kind, caller, slot, secret, made_at, made_by, usable_since)
         values ('k', 'portal', 'botp-mau', 1, '', now(), 'x', now())",
        "insert into endpoint (endpoint_id, portal, url, secret, made_at, state)
         values (gen_random_uuid(), 'dvc-mau', 'https://a', '', now(), 'open')",
        "update partner set settings = '\\x00'",
    ] {
        let told = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&town.pool).await;
        let told = told.expect_err(statement).to_string();
        assert!(told.contains("approved by another"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_on_what_they_made_or_on_themselves() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer", "approver", "admin"]).await;
    let binh = town.person("binh@town.example", &["approver", "admin"]).await;
    let id = proposed(&town, &an.email, "G01").await;
    for verdict in ["approve", "reject"] {
        an.decide(&id, verdict).await.problem(403, "four-eyes");
    }
    let seen = an.get(&format!("/v1/approvals/{id}")).await.expect(200);
    assert_eq!(seen["links"], json!({}), "what cannot be done is not offered");
    let seen = binh.get(&format!("/v1/approvals/{id}")).await.expect(200);
    assert!(seen["links"]["approve"].is_string() && seen["links"]["reject"].is_string());
    // New credentials for oneself, asked for by whoever.
    let (hasher, keys) = (Hasher::default(), master_keys());
    let drawing = Drawing { hasher: &hasher, keys: &keys };
    let maker = Maker::pending(by(&town, "cli/one"));
    let reset = people::reset(&town.pool, drawing, maker, &an.email).await.expect("it waits");
    let reset = reset.approval.expect("an approval").to_string();
    an.decide(&reset, "approve").await.problem(403, "four-eyes");
    binh.decide(&reset, "approve").await.expect(200);
    an.get("/v1/session").await.problem(401, "not-signed-in");

    // And in the database, whatever the code would say.
    let same = "update approval set status = 'approved', decided_by = made_by, decided_at = now()
                 where status = 'pending'";
    let told = sqlx::query(same).execute(&town.pool).await.expect_err("four eyes");
    assert!(told.to_string().contains("approval_four_eyes"), "{told}");
    for statement in [
        "update approval set status = 'applied', decided_by = 'x', decided_at = now()
          where status = 'pending'",
        "update approval set status = 'approved', decided_at = now() where status = 'pending'",
        "update approval set status = 'pending', decided_by = null, decided_at = null
          where status = 'applied'",
        "update approval set status = 'rejected' where status = 'applied'",
        "update approval set decided_by = 'x' where status = 'applied'",
        "update approval set content = '{}'",
        "update approval set made_by = 'x'",
        "delete from approval",
        "insert into approval (approval_id, kind, subject, agency, content, content_hash, made_by,
                               made_at, expires_at, status, decided_by, decided_at)
         values (gen_random_uuid(), 'a', 'b', '*', '{}', sha256('{}'), 'x', now(), now(),
                 'approved', 'y', now())",
        "insert into approval (approval_id, kind, subject, agency, content, content_hash, made_by,
                               made_at, expires_at)
         values (gen_random_uuid(), 'a', 'b', '*', '{}', sha256('{ }'), 'x', now(), now())",
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&town.pool).await.expect_err(statement);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_sees_and_decides_its_own() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["approver:G01"]).await;
    let binh = town.person("binh@town.example", &["approver:G02", "viewer:G01"]).await;
    let own = proposed(&town, "cli/one", "G01.A").await;
    let everybodys = proposed(&town, "cli/one", "*").await;
    let foreign = proposed(&town, "cli/one", "G010").await;
    let listed = |person: &Person, query: &str| {
        let (person, path) = (person.clone(), format!("/v1/approvals{query}"));
        async move {
            let found = person.get(&path).await.expect(200);
            let all = found["approvals"].as_array().expect("a list").clone();
            all.iter().map(|a| text(a, "id").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(&an, "?status=pending").await, std::slice::from_ref(&own));
    assert_eq!(listed(&an, "?status=applied").await, [""; 0]);
    assert_eq!(listed(&an, "?kind=key.add").await, [""; 0]);
    for hidden in [&foreign, &everybodys] {
        an.get(&format!("/v1/approvals/{hidden}")).await.problem(404, "not-found");
        an.decide(hidden, "approve").await.problem(404, "not-found");
        let body = json!({ "content_hash": "0".repeat(64) });
        let path = format!("/v1/approvals/{hidden}/approve");
        an.post(&path, &body).await.problem(404, "not-found");
    }
    // To see is not to decide.
    assert_eq!(listed(&binh, "").await, std::slice::from_ref(&own));
    binh.decide(&own, "reject").await.problem(403, "forbidden");
    an.decide(&own, "reject").await.expect(200);
    let approver = town.approver().await;
    let page = approver.get("/v1/approvals?limit=2").await;
    let next = page.headers["link"].to_str().expect("text").to_owned();
    let next = next[1..next.find('>').expect("an end")].strip_prefix(&town.url).expect("ours");
    assert_eq!(page.expect(200)["approvals"].as_array().map(Vec::len), Some(2));
    let rest = approver.get(next).await;
    assert!(rest.headers.get("link").is_none());
    assert_eq!(rest.expect(200)["approvals"].as_array().map(Vec::len), Some(1));
    for (query, field) in [
        ("status=lost", "status"),
        ("kind=x", "kind"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
    ] {
        approver.get(&format!("/v1/approvals?{query}")).await.points_to(field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_bound_to_exactly_what_was_looked_at() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let made = endpoint(&town, "http://127.0.0.1:9/a").await;
    let path = format!("/v1/approvals/{}", text(&made, "approval"));
    let seen = approver.get(&path).await.expect(200);
    let approve = format!("{path}/approve");
    let other = json!({ "content_hash": "0".repeat(64) });
    approver.post(&approve, &other).await.problem(412, "content-changed");
    approver.post(&approve, &json!({ "content_hash": "abc" })).await.points_to("/content_hash");
    approver.post(&approve, &json!({})).await.points_to("/content_hash");
    let owner = town.owner().await;
    // Somebody with all power changes what waits, behind the approval.
    let evil = "update endpoint set url = 'http://127.0.0.1:9/evil'";
    sqlx::raw_sql("alter table endpoint disable trigger endpoint_guard")
        .execute(&owner)
        .await
        .expect("off");
    sqlx::query(evil).execute(&owner).await.expect("changed");
    sqlx::raw_sql("alter table endpoint enable trigger endpoint_guard")
        .execute(&owner)
        .await
        .expect("on");
    approver.post(&approve, &hash(&seen)).await.problem(412, "content-changed");
    assert_eq!(status(approver, text(&made, "approval")).await, "pending");
    // Somebody changes the approval itself, its hash too: what was looked at is stale.
    sqlx::raw_sql("alter table approval disable trigger approval_guard")
        .execute(&owner)
        .await
        .expect("off");
    sqlx::query("update approval set content = replace(content, '/a', '/evil'), content_hash = sha256(convert_to(replace(content, '/a', '/evil'), 'UTF8'))").execute(&owner).await.expect("changed");
    sqlx::raw_sql("alter table approval enable trigger approval_guard")
        .execute(&owner)
        .await
        .expect("on");
    owner.close().await;
    approver.post(&approve, &hash(&seen)).await.problem(412, "content-changed");
    let seen = approver.get(&path).await.expect(200);
    assert!(text(&seen["content"], "url").ends_with("/evil"), "and who looks again sees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_one_wins() {
    let town = Town::doors().await;
    let mut won = 0;
    let an = town.person("an@town.example", &["approver"]).await;
    let binh = town.person("binh@town.example", &["approver"]).await;
    for round in 0..10 {
        let made = endpoint(&town, &format!("http://127.0.0.1:9/{round}")).await;
        let id = text(&made, "approval");
        let (one, two) = tokio::join!(an.decide(id, "approve"), binh.decide(id, "reject"));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text(), two.text());
        let (winner, verdict) =
            if one.status == 200 { (&an, "applied") } else { (&binh, "rejected") };
        won += i32::from(one.status == 200);
        let seen = an.get(&format!("/v1/approvals/{id}")).await.expect(200);
        assert_eq!((text(&seen, "decided_by"), text(&seen, "status")), (&*winner.email, verdict));
        // A lost answer is safe: the same again tells the same.
        let verb = if verdict == "applied" { "approve" } else { "reject" };
        assert_eq!(text(&winner.decide(id, verb).await.expect(200), "status"), verdict);
        // Free the portal's place.
        if verdict == "applied" {
            let path = format!("/v1/endpoints/{}", text(&made, "id"));
            for _ in 0..2 {
                let key = crate::support::fresh_key();
                let letter = town.portal.sign("DELETE", &path, Some(&key), b"");
                town.portal.send(&letter).await.expect(200);
            }
        }
    }
    let decided: i64 = sqlx::query_scalar("select count(*) from audit where action like 'approval.%ed' and action <> 'approval.proposed'")
        .fetch_one(&town.pool)
        .await
        .expect("a count");
    assert_eq!(decided, 10, "each was decided once; {won} were approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_without_a_decision_clears_it_away() {
    let town = Town::doors().await;
    let made = endpoint(&town, "http://127.0.0.1:9/a").await;
    let waiting = town.pending_person("cho@town.example", &["viewer"]).await;
    let id = text(&made, "approval");
    town.clock.turn(Duration::days(7));
    // Before the sweep as after it.
    let approver = town.approver().await;
    approver.decide(id, "approve").await.problem(409, "already-decided");
    let clock = town.clock.clone() as payclear::vocabulary::clock::SharedClock;
    let expired = expire_overdue(&town.pool, &town.app.kinds, &clock).await.expect("a sweep");
    assert_eq!(expired, 2);
    assert_eq!(status(approver, id).await, "expired");
    approver.decide(id, "approve").await.problem(409, "already-decided");
    let path = format!("/v1/endpoints/{}", text(&made, "id"));
    town.portal.get(&path).await.problem(404, "not-found");
    let answer = waiting.try_sign_in(&waiting.credentials(&*town.clock)).await;
    answer.problem(401, "sign-in-refused");
    // The address is free again.
    town.person("cho@town.example", &["viewer"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_meanwhile_decides_nothing() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["approver"]).await;
    let id = proposed(&town, "cli/one", "*").await;
    let seen = an.get(&format!("/v1/approvals/{id}")).await.expect(200);
    disable::disable(&town.pool, by(&town, "cli/one"), &an.email).await.expect("done");
    let path = format!("/v1/approvals/{id}/approve");
    an.post(&path, &hash(&seen)).await.problem(401, "not-signed-in");
    assert_eq!(status(town.approver().await, &id).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_credentials_replace_the_old_ones_when_they_are_approved() {
    let town = Town::doors().await;
    let mut an = town.person("an@town.example", &["officer:G01"]).await;
    let (hasher, keys) = (Hasher::default(), master_keys());
    let drawing = Drawing { hasher: &hasher, keys: &keys };
    let maker = Maker::pending(by(&town, "cli/one"));
    let reset = people::reset(&town.pool, drawing, maker, &an.email).await.expect("it waits");
    town.clock.turn(Duration::seconds(30));
    an.sign_in(&*town.clock).await;
    an.get("/v1/session").await.expect(200);
    town.approve(&reset.approval.expect("an approval").to_string()).await;
    an.get("/v1/session").await.problem(401, "not-signed-in");
    town.clock.turn(Duration::seconds(30));
    let old = an.try_sign_in(&an.credentials(&*town.clock)).await;
    old.problem(401, "sign-in-refused");
    an.password = reset.drawn.password.expose().to_owned();
    an.totp = reset.drawn.totp;
    an.sign_in(&*town.clock).await;
    let who = an.get("/v1/session").await.expect(200);
    assert_eq!(who["roles"], json!([{ "role": "officer", "scope": "G01" }]), "roles stay");
}
