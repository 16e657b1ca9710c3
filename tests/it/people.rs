//! Who signs in, who does not, and who is out: passwords, one-time codes, locks, sessions, scopes.

use chrono::Duration;
use payclear::people::{disable, totp};
use payclear::platform::audit::By;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Plan, Town, answer_of, text};

const EMAIL: &str = "an@town.example";

async fn somebody(town: &Town) -> Person {
    town.person(EMAIL, &["officer:G01"]).await
}

/// The next code of somebody who has signed in already.
fn later(town: &Town) {
    town.clock.turn(Duration::seconds(30));
}

#[track_caller]
fn refused(answer: Answer) {
    let told = answer.problem(401, "sign-in-refused");
    assert!(told["detail"].is_null(), "the answer never says why: {told}");
}

async fn audited(town: &Town, action: &str) -> i64 {
    sqlx::query_scalar("select count(*) from audit where action = $1")
        .bind(action)
        .fetch_one(&town.pool)
        .await
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    let who = an.get("/v1/session").await.expect(200);
    assert_eq!((text(&who, "email"), text(&who, "id")), (EMAIL, an.id.as_str()));
    assert_eq!(who["roles"], json!([{ "role": "officer", "scope": "G01" }]));
    assert_eq!(audited(&town, "person.signed_in").await, 1);
    // The database knows no token, and no password but its hash.
    let stored: String = sqlx::query_scalar(
        "select string_agg(row_to_json(s)::text, '') || (select row_to_json(p)::text from person p)
           from session s",
    )
    .fetch_one(&town.pool)
    .await
    .expect("rows");
    assert!(!stored.contains(&an.token) && !stored.contains(&an.password));
    assert!(!stored.contains(&hex::encode(an.totp.expose())));

    assert_eq!(an.call("DELETE", "/v1/session", None).await.status, 204);
    an.get("/v1/session").await.problem(401, "not-signed-in");
    assert_eq!(town.count("session").await, 0);
    assert_eq!(audited(&town, "person.signed_out").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    let waiting = town.pending_person("cho@town.example", &["viewer"]).await;
    let gone = town.person("nghi@town.example", &["viewer"]).await;
    let by = By { actor: "cli/tests", at: town.clock.now() };
    assert!(disable::disable(&town.pool, by, &gone.email).await.expect("done"));
    later(&town);
    let changed = |field: &str, value: Value| {
        let mut given = an.credentials(&*town.clock);
        given[field] = value;
        given
    };
    let without_code = json!({ "email": EMAIL, "password": an.password });
    for given in [
        changed("email", json!("nobody@town.example")),
        changed("password", json!("another password")),
        changed("totp", json!("000000")),
        without_code,
        waiting.credentials(&*town.clock),
        gone.credentials(&*town.clock),
    ] {
        refused(an.try_sign_in(&given).await);
    }
    assert_eq!(audited(&town, "person.sign_in_refused").await, 6);
    // All of it right, it is taken, and in capitals too.
    let mut given = an.credentials(&*town.clock);
    given["email"] = json!("  AN@Town.Example ");
    an.try_sign_in(&given).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    refused(an.try_sign_in(&an.credentials(&*town.clock)).await);
    later(&town);
    let given = an.credentials(&*town.clock);
    // Two at the same moment: one is in.
    let (one, two) = tokio::join!(an.try_sign_in(&given), an.try_sign_in(&given));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
    // An older code that was never used is none after a newer one.
    let step = totp::step_at(town.clock.now());
    let older = json!({
        "email": EMAIL, "password": an.password, "totp": totp::code_of(&an.totp, step - 1),
    });
    refused(an.try_sign_in(&older).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_lock_for_a_while_that_grows() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    let mut wrong = an.credentials(&*town.clock);
    wrong["password"] = json!("another password");
    for _ in 0..5 {
        refused(an.try_sign_in(&wrong).await);
    }
    later(&town);
    // Half a minute is over in the next step, to the second: a little before it is not.
    town.clock.turn(Duration::seconds(-5));
    refused(an.try_sign_in(&an.credentials(&*town.clock)).await);
    town.clock.turn(Duration::seconds(40));
    refused(an.try_sign_in(&wrong).await);
    // The sixth costs a minute.
    town.clock.turn(Duration::seconds(50));
    refused(an.try_sign_in(&an.credentials(&*town.clock)).await);
    town.clock.turn(Duration::seconds(40));
    an.try_sign_in(&an.credentials(&*town.clock)).await.expect(201);
    let failed: i32 = sqlx::query_scalar("select failed from person where email = $1")
        .bind(EMAIL)
        .fetch_one(&town.pool)
        .await
        .expect("a person");
    assert_eq!(failed, 0, "a success forgives");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_knocks_so_often_and_no_oftener() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    let mut limited = 0;
    for _ in 0..30 {
        let body = json!({ "email": "x", "password": "y" });
        let answer = an.try_sign_in(&body).await;
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            answer.problem(429, "too-many-requests");
            limited += 1;
        }
    }
    assert!(limited > 0, "thirty at once are too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_a_sign_in_is_pointed_to() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    let good = json!({ "email": EMAIL, "password": "long enough here" });
    for (pointer, field, value) in [
        ("/email", "email", json!("nobody")),
        ("/email", "email", json!(7)),
        ("/totp", "totp", json!("12345")),
        ("/totp", "totp", json!("12345a")),
        ("/carried_by", "carried_by", json!("pigeon")),
        ("/colour", "colour", json!("red")),
    ] {
        let mut given = good.clone();
        given[field] = value;
        an.try_sign_in(&given).await.points_to(pointer);
    }
    an.try_sign_in(&json!({ "email": EMAIL })).await.points_to("/password");
    let request = town.http.post(format!("{}/v1/sessions", town.url)).body(good.to_string());
    answer_of(request).await.problem(415, "unsupported-media-type");
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let path = "/v1/session/password";
    an.post(path, &change(&an.password, "elevenchars")).await.points_to("/new");
    an.post(path, &change("another password", "a long password")).await.points_to("/old");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_disabled_is_out_at_once() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    an.get("/v1/session").await.expect(200);
    let by = By { actor: "cli/tests", at: town.clock.now() };
    disable::disable(&town.pool, by, EMAIL).await.expect("done");
    an.get("/v1/session").await.problem(401, "not-signed-in");
    assert_eq!(town.count("session").await, 0);
    assert_eq!(audited(&town, "person.disabled").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_idle_and_in_any_case() {
    let town = Town::doors().await;
    let mut an = somebody(&town).await;
    town.clock.turn(Duration::minutes(29));
    an.get("/v1/session").await.expect(200);
    town.clock.turn(Duration::minutes(29));
    an.get("/v1/session").await.expect(200);
    town.clock.turn(Duration::minutes(31));
    an.get("/v1/session").await.problem(401, "not-signed-in");

    an.sign_in(&*town.clock).await;
    for _ in 0..35 {
        town.clock.turn(Duration::minutes(20));
        an.get("/v1/session").await.expect(200);
    }
    town.clock.turn(Duration::minutes(21));
    an.get("/v1/session").await.problem(401, "not-signed-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_other_sessions() {
    let town = Town::doors().await;
    let mut an = somebody(&town).await;
    let before = an.clone();
    later(&town);
    an.sign_in(&*town.clock).await;
    assert_ne!(an.token, before.token);
    let change = json!({ "old": an.password, "new": "một mật khẩu khác" });
    assert_eq!(an.post("/v1/session/password", &change).await.status, 204);
    an.get("/v1/session").await.expect(200);
    before.get("/v1/session").await.problem(401, "not-signed-in");
    later(&town);
    refused(an.try_sign_in(&an.credentials(&*town.clock)).await);
    "một mật khẩu khác".clone_into(&mut an.password);
    an.try_sign_in(&an.credentials(&*town.clock)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_good_from_our_own_pages_alone() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    later(&town);
    let mut given = an.credentials(&*town.clock);
    given["carried_by"] = json!("cookie");
    let made = an.try_sign_in(&given).await;
    let set = made.headers["set-cookie"].to_str().expect("text").to_owned();
    assert!(made.clone().expect(201)["token"].is_null(), "a page's script never sees the token");
    for part in ["payclear=", "Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().expect("a cookie").to_owned();
    let token = cookie.split_once('=').expect("a value").1.to_owned();
    let call = |method: reqwest::Method, headers: &[(&str, &str)]| {
        let mut request = town.http.request(method, format!("{}/v1/session", town.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer_of(request)
    };
    let (get, delete) = (reqwest::Method::GET, reqwest::Method::DELETE);
    call(get.clone(), &[("cookie", &cookie)]).await.expect(200);
    // The same token out of its cookie is none.
    let bearer = format!("Bearer {token}");
    call(get.clone(), &[("authorization", &bearer)]).await.problem(401, "not-signed-in");
    for foreign in [
        vec![("cookie", cookie.as_str())],
        vec![("cookie", &cookie), ("origin", "https://elsewhere.example")],
        vec![("cookie", &cookie), ("origin", "null")],
        vec![("cookie", &cookie), ("sec-fetch-site", "cross-site")],
    ] {
        call(delete.clone(), &foreign).await.problem(403, "cross-site");
    }
    call(get, &[("cookie", &cookie)]).await.expect(200);
    let ours = [("cookie", cookie.as_str()), ("origin", town.url.as_str())];
    let out = call(delete, &ours).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().expect("text").contains("Max-Age=0"));

    // A foreign page cannot sign a visitor in either.
    let request = town.http.post(format!("{}/v1/sessions", town.url));
    let request = request.header("origin", "https://elsewhere.example");
    let request = request.header("content-type", "application/json").body(given.to_string());
    answer_of(request).await.problem(403, "cross-site");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_code_only_where_it_is_optional() {
    let settings = json!({ "people": { "second_factor": "optional" } });
    let town =
        Town::of(Plan { roles: &[], with_simulators: false, amqp_url: None, settings }).await;
    let an = somebody(&town).await;
    let without = json!({ "email": EMAIL, "password": an.password });
    an.try_sign_in(&without).await.expect(201);
    // One that is given is looked at.
    let mut wrong = without.clone();
    wrong["totp"] = json!("000000");
    refused(an.try_sign_in(&wrong).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_given_with_the_approval_and_not_after() {
    let town = Town::doors().await;
    let an = somebody(&town).await;
    town.person("binh@town.example", &["viewer"]).await;
    // Something is approved: bootstrapping is over.
    let waiting = town.pending_person("chi@town.example", &["viewer"]).await;
    town.approve(&waiting.approval.expect("it waits").to_string()).await;
    let statement =
        "insert into person_role (person_id, role, scope) values ($1::uuid, 'admin', '*')";
    let told = sqlx::query(statement).bind(&an.id).execute(&town.pool).await;
    assert!(told.expect_err("refused").to_string().contains("before a person is approved"));
    for statement in [
        "insert into person (person_id, email, name, made_at, made_by, approved_at)
         values (gen_random_uuid(), 'x@y', 'X', now(), 'x', now())",
        "update person set password = next_password where next_password is not null",
        "update person_role set role = 'admin'",
        "update person set email = 'x@y'",
        "delete from person",
    ] {
        // What stands there for the second one.
        let extra =
            "update person set next_password = '$argon2id$x' where email = 'an@town.example'";
        sqlx::query(extra).execute(&town.pool).await.expect("it waits");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&town.pool).await.expect_err(statement);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_roles_are_given_by_an_admin_and_another_and_never_to_oneself() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let admin = town.person("chi@town.example", &["admin:*"]).await;
    let mut an = somebody(&town).await;
    let path = "/v1/people/roles";
    let wish = |email: &str, roles: &[&str]| json!({ "email": email, "roles": roles });
    let roles = ["officer:G02", "viewer"];
    an.post(path, &wish(EMAIL, &roles)).await.problem(403, "forbidden");
    admin.post(path, &wish("nobody@town.example", &roles)).await.problem(404, "not-found");
    admin.post(path, &wish(EMAIL, &["king"])).await.problem(422, "invalid-request");
    admin.post(path, &wish(EMAIL, &[])).await.problem(422, "invalid-request");
    admin.post(path, &wish(EMAIL, &["officer:G01"])).await.problem(409, "wrong-state");

    let proposed = admin.post(path, &wish(EMAIL, &roles)).await.expect(202);
    let approval = text(&proposed, "approval");
    admin.decide(approval, "approve").await.problem(403, "four-eyes");
    let who = an.get("/v1/session").await.expect(200);
    assert_eq!(who["roles"], json!([{ "role": "officer", "scope": "G01" }]), "not before");
    town.approve(approval).await;
    let who = an.get("/v1/session").await.expect(200);
    let expected =
        json!([{ "role": "officer", "scope": "G02" }, { "role": "viewer", "scope": "*" }]);
    assert_eq!(who["roles"], expected);
    assert_eq!(audited(&town, "person.roles").await, 1);

    // Nobody decides on their own, whoever proposes it.
    let mine = admin.post(path, &wish(&approver.email, &["admin:*"])).await.expect(202);
    approver.decide(text(&mine, "approval"), "approve").await.problem(403, "four-eyes");
    // What a person has changed meanwhile: it is not what was decided on.
    let stale = admin.post(path, &wish(EMAIL, &["auditor"])).await.expect(202);
    town.as_owner(&format!(
        "alter table person_role disable trigger user;
         delete from person_role where person_id = '{}' and role = 'viewer';
         alter table person_role enable trigger user",
        an.id
    ))
    .await
    .expect("changed");
    let stale = text(&stale, "approval");
    approver.decide(stale, "approve").await.problem(412, "content-changed");
    approver.decide(stale, "reject").await.expect(200);
    // At the database nobody gives or takes roles without an approval.
    for statement in [
        "delete from person_role".to_owned(),
        format!("insert into person_role values ('{}', 'admin', '*')", an.id),
    ] {
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&town.pool).await;
        assert!(refused.is_err());
    }
    // The command line proposes as well.
    let args = ["officer", "roles", EMAIL, "--role", "officer:G01", "--json"];
    let told = crate::command_line::json_of(&town, &args);
    town.approve(text(&told, "approval")).await;
    later(&town);
    an.sign_in(&*town.clock).await;
    let who = an.get("/v1/session").await.expect(200);
    assert_eq!(who["roles"], json!([{ "role": "officer", "scope": "G01" }]));
}
