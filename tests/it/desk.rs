//! The officers' desk as a browser meets it: signing in, forms that only our own pages can send,
//! agencies in scope, every page for its roles, exports that a spreadsheet can open.

use payclear::people::totp;
use payclear::vocabulary::clock::Clock as _;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Town, answer_of, text};

/// A browser with its cookies.
pub struct Browser {
    http: reqwest::Client,
    url: String,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn new(town: &Town) -> Self {
        Self { http: town.http.clone(), url: town.url.clone(), cookies: Vec::new() }
    }

    pub async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = answer_of(request).await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    /// A form as our own page sends it.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.form(path, fields).header("origin", &self.url);
        self.send(request).await
    }

    /// A form with a file as our own page sends it: the token, the fields, the file.
    pub async fn send_file(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        (name, bytes): (&str, &[u8]),
    ) -> Answer {
        let mut body = Vec::new();
        for (field, value) in fields {
            let part = format!(
                "--cut\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        let head = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=";
        body.extend_from_slice(format!("{head}\"{name}\"\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "multipart/form-data; boundary=cut")
            .header("origin", &self.url)
            .body(body);
        self.send(request).await
    }

    /// The token in the forms of a page.
    pub async fn token(&mut self, path: &str) -> String {
        between(&self.get(path).await.text(), "name=\"csrf\" value=\"", "\"")
    }

    async fn sign_in(&mut self, town: &Town, person: &Person) -> Answer {
        let csrf = self.token("/desk/sign-in").await;
        let code = totp::code_of(&person.totp, totp::step_at(town.clock.now()));
        let fields = [
            ("csrf", &*csrf),
            ("email", &person.email),
            ("password", &person.password),
            ("totp", &code),
        ];
        self.post("/desk/sign-in", &fields).await
    }
}

pub fn between(text: &str, before: &str, after: &str) -> String {
    let from = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    text[from..].split(after).next().expect("a part").to_owned()
}

pub fn place(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

impl Town {
    /// Somebody at a browser, signed in.
    pub async fn at_the_desk(&self, email: &str, roles: &[&str]) -> (Browser, Person) {
        let person = self.person(email, roles).await;
        let mut browser = Browser::new(self);
        // The code of this moment was used by the first sign-in.
        self.clock.turn(chrono::Duration::seconds(31));
        let answer = browser.sign_in(self, &person).await;
        assert_eq!((answer.status, place(&answer)), (303, "/desk"), "{}", answer.text());
        (browser, person)
    }

    /// Somebody who was there before, on another day.
    pub async fn back_at_the_desk(&self, person: &Person) -> Browser {
        let mut browser = Browser::new(self);
        self.clock.turn(chrono::Duration::seconds(31));
        let answer = browser.sign_in(self, person).await;
        assert_eq!((answer.status, place(&answer)), (303, "/desk"), "{}", answer.text());
        browser
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_signs_in_first_and_comes_back() {
    let town = Town::doors().await;
    let person = town.pending_person("an@town.example", &["officer:*"]).await;
    town.approve(&person.approval.expect("it waits").to_string()).await;
    let mut browser = Browser::new(&town);

    let answer = browser.get("/desk/refunds?status=sent").await;
    assert_eq!(answer.status, 303);
    assert_eq!(place(&answer), "/desk/sign-in?next=%2Fdesk%2Frefunds%3Fstatus%3Dsent");
    let page = browser.get(place(&answer)).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html lang=\"vi\""), "Vietnamese first");
    assert!(page.text().contains("value=\"/desk/refunds?status=sent\""));
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers["x-frame-options"], "DENY");

    // Wrong: the same answer whoever it is, the address kept, the password not.
    let csrf = between(&page.text(), "name=\"csrf\" value=\"", "\"");
    for email in ["an@town.example", "nobody@town.example"] {
        let fields = [("csrf", &*csrf), ("email", email), ("password", "no such password")];
        let refused = browser.post("/desk/sign-in", &fields).await;
        assert_eq!(refused.status, 401);
        let told = refused.text();
        assert!(told.contains("govuk-error-summary") && told.contains(email));
        assert!(!told.contains("no such password"));
    }
    let empty = browser.post("/desk/sign-in", &[("csrf", &csrf)]).await;
    assert_eq!(empty.status, 422);
    assert!(empty.text().contains("id=\"sign-in-email-fault\""), "told under the field");

    // Another site has neither our origin nor the token that goes with the cookie.
    let code = totp::code_of(&person.totp, totp::step_at(town.clock.now()));
    let right = [
        ("csrf", &*csrf),
        ("email", &*person.email),
        ("password", &*person.password),
        ("totp", &*code),
        ("next", "/desk/refunds?status=sent"),
    ];
    let elsewhere = browser.form("/desk/sign-in", &right).header("origin", "https://evil.example");
    assert_eq!(browser.send(elsewhere).await.status, 403);
    let mut other = Browser::new(&town);
    assert_eq!(other.post("/desk/sign-in", &right).await.status, 403, "no cookie of the form");

    let answer = browser.post("/desk/sign-in", &right).await;
    assert_eq!((answer.status, place(&answer)), (303, "/desk/refunds?status=sent"));
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(browser.get("/desk/refunds?status=sent").await.status, 200);

    let csrf = browser.token("/desk").await;
    let out = browser.post("/desk/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(place(&out), "/desk/sign-in?told=signed-out");
    assert_eq!(browser.get("/desk").await.status, 303, "the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_by_our_own_page_or_refused() {
    let town = Town::doors().await;
    town.approver().await;
    let (mut an, _) = town.at_the_desk("an@town.example", &["operator:*"]).await;
    let (mut binh, _) = town.at_the_desk("binh@town.example", &["operator:*"]).await;
    let fields = |csrf: &str| {
        vec![("csrf".to_owned(), csrf.to_owned()), ("kind".to_owned(), "delivery".to_owned())]
    };
    let as_pairs = |fields: &[(String, String)]| -> Vec<(String, String)> { fields.to_vec() };
    let csrf = an.token("/desk/sweeps").await;
    let theirs = binh.token("/desk/sweeps").await;
    assert_ne!(csrf, theirs);
    let count = || async {
        sqlx::query_scalar::<_, i64>("select count(*) from audit where action = 'sweep.run_now'")
            .fetch_one(&town.pool)
            .await
            .expect("the audit")
    };
    for bad in ["", "0", &theirs, &"0".repeat(64)] {
        let given = as_pairs(&fields(bad));
        let given: Vec<(&str, &str)> = given.iter().map(|(n, v)| (&**n, &**v)).collect();
        let refused = an.post("/desk/sweeps/run", &given).await;
        assert_eq!(refused.status, 403, "{bad}");
        assert!(refused.text().contains("<h1"), "a page, not a bare answer");
    }
    let good = [("csrf", &*csrf), ("kind", "delivery")];
    for origin in ["https://evil.example", "null"] {
        let request = an.form("/desk/sweeps/run", &good).header("origin", origin);
        assert_eq!(an.send(request).await.status, 403, "{origin}");
    }
    let request = an.form("/desk/sweeps/run", &good);
    assert_eq!(an.send(request).await.status, 403, "without an origin");
    assert_eq!(count().await, 0);
    let done = an.post("/desk/sweeps/run", &good).await;
    assert_eq!((done.status, place(&done)), (303, "/desk/sweeps?told=hastened"));
    assert_eq!(count().await, 1);
}

/// Parts of the desk, and the roles (of everything) that open them.
pub const PARTS: &[(&str, &[&str])] = &[
    ("/desk", &["viewer", "officer", "approver", "operator", "auditor", "admin"]),
    ("/desk/me", &["viewer", "officer", "approver", "operator", "auditor", "admin"]),
    ("/desk/approvals", &["viewer", "officer", "approver", "operator", "auditor", "admin"]),
    ("/desk/invoices", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/refunds", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/breaks", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/ledger", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/files", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/days", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/matches", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/payovers", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/receipts", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/reports", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/reports?by=item", &["viewer", "officer", "approver", "auditor"]),
    ("/desk/deliveries", &["operator", "auditor"]),
    ("/desk/partners", &["operator", "auditor", "officer"]),
    ("/desk/partners/directbank", &["operator", "auditor", "officer"]),
    ("/desk/sweeps", &["operator", "auditor"]),
    ("/desk/people", &["viewer", "officer", "approver", "operator", "auditor", "admin"]),
    ("/desk/audit", &["auditor", "admin"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_opens_to_its_roles_and_to_no_other() {
    let town = Town::doors().await;
    town.approver().await;
    for role in ["viewer", "officer", "approver", "operator", "auditor", "admin"] {
        let (mut browser, _) = town.at_the_desk(&format!("{role}@desk.example"), &[role]).await;
        let menu = browser.get("/desk").await.text();
        for (path, roles) in PARTS {
            let open = roles.contains(&role);
            for lang in ["vi", "en"] {
                let mark = if path.contains('?') { '&' } else { '?' };
                // No faster than a person may call.
                tokio::time::sleep(std::time::Duration::from_millis(60)).await;
                let answer = browser.get(&format!("{path}{mark}lang={lang}")).await;
                let expected = if open { 200 } else { 403 };
                assert_eq!(answer.status, expected, "{role} {path}: {}", answer.text());
                assert!(answer.text().contains(&format!("<html lang=\"{lang}\"")), "{path}");
            }
            let named = menu.contains(&format!("href=\"{path}\""));
            assert!(
                named == open
                    || path.matches('/').count() > 2
                    || path.contains('?')
                    || *path == "/desk/me",
                "{role} {path}"
            );
        }
        assert_eq!(
            browser.get("/desk/refunds/nonsense").await.status,
            if ["viewer", "officer", "approver", "auditor"].contains(&role) { 404 } else { 403 }
        );
    }
    // Nobody is sent to a page without signing in, for any of them.
    for (path, _) in PARTS {
        assert_eq!(Browser::new(&town).get(path).await.status, 303, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_of_one_agency_sees_its_own_alone() {
    let town = Town::doors().await;
    town.approver().await;
    let ours = town.paid_by_bank("T1", 100_000).await;
    town.settle("T2", 50_000, "NOBODY").await;
    let (mut all, _) = town.at_the_desk("all@town.example", &["officer:*"]).await;
    let (mut inside, _) =
        town.at_the_desk("in@town.example", &["officer:G01.A", "operator:*"]).await;
    let (mut outside, _) = town.at_the_desk("out@town.example", &["officer:G09"]).await;
    let (id, code) = (text(&ours, "id"), text(&ours, "code"));
    let entry: i64 =
        sqlx::query_scalar("select entry_id from settlement where transaction_id = 'T1'")
            .fetch_one(&town.pool)
            .await
            .expect("an entry");

    for (browser, sees) in [(&mut all, true), (&mut inside, true), (&mut outside, false)] {
        let list = browser.get("/desk/invoices").await.text();
        assert_eq!(list.contains(code), sees);
        assert_eq!(
            browser.get(&format!("/desk/invoices?q={code}")).await.text().contains(id),
            sees
        );
        assert_eq!(
            browser.get("/desk/invoices?q=T1").await.text().contains(id),
            sees,
            "by the partner's id"
        );
        let status = if sees { 200 } else { 404 };
        assert_eq!(browser.get(&format!("/desk/invoices/{id}")).await.status, status);
        assert_eq!(browser.get(&format!("/desk/ledger/entries/{entry}")).await.status, status);
        for format in ["csv", "json"] {
            let file = browser.get(&format!("/desk/invoices?format={format}")).await;
            assert_eq!((file.status, file.text().contains(code)), (200, sees), "{format}");
        }
    }
    // Money that nobody can place, and accounts of partners, are of no single agency.
    assert!(all.get("/desk/breaks").await.text().contains("B07"));
    assert!(!inside.get("/desk/breaks").await.text().contains("B07"));
    let accounts = |answer: Answer| -> Vec<String> {
        let rows = answer.json()["balances"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| text(row, "owner").to_owned()).collect()
    };
    assert!(accounts(all.get("/desk/ledger?format=json").await).contains(&"directbank".to_owned()));
    assert_eq!(accounts(inside.get("/desk/ledger?format=json").await), ["G01.A"]);
    assert!(accounts(outside.get("/desk/ledger?format=json").await).is_empty());
    let lines = inside.get(&format!("/desk/ledger/entries/{entry}")).await.text();
    assert!(
        lines.contains("Phải trả cơ quan") && !lines.contains("Phải thu đối tác"),
        "the partner's line is not shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_goes_through_two_people_at_the_desk() {
    let town = Town::whole().await;
    town.approver().await;
    let invoice = town.paid_by_vnpay(100_000).await;
    let id = text(&invoice, "id");
    let (mut an, _) = town.at_the_desk("an@town.example", &["officer:G01", "approver:G01"]).await;
    let (mut chi, _) = town.at_the_desk("chi@town.example", &["approver:G01"]).await;
    let page = format!("/desk/invoices/{id}");
    let csrf = an.token(&page).await;
    let ask = format!("{page}/refunds");

    // Bad input comes back with what was typed, told under its field.
    let bad = an
        .post(&ask, &[("csrf", &csrf), ("amount", "-1"), ("reason", ""), ("refundable", "100000")])
        .await;
    assert_eq!(bad.status, 422);
    let told = bad.text();
    assert!(told.contains("ask-amount-fault") && told.contains("ask-reason-fault"));
    assert!(told.contains("value=\"-1\""), "what was typed stays");
    let stale =
        [("csrf", &*csrf), ("amount", "40.000"), ("reason", "rút hồ sơ"), ("refundable", "99999")];
    assert_eq!(an.post(&ask, &stale).await.status, 412);
    assert_eq!(chi.get(&page).await.status, 200);
    let theirs = chi.token(&page).await;
    let by_chi = [("csrf", &*theirs), ("amount", "1"), ("reason", "x"), ("refundable", "100000")];
    assert_eq!(chi.post(&ask, &by_chi).await.status, 403, "an approver asks for nothing");

    let asked = an
        .post(
            &ask,
            &[
                ("csrf", &csrf),
                ("amount", "40.000"),
                ("reason", "rút hồ sơ"),
                ("refundable", "100000"),
            ],
        )
        .await;
    assert_eq!(asked.status, 303, "{}", asked.text());
    let refund = place(&asked).to_owned();
    assert!(an.get(&refund).await.text().contains("40.000"));

    let inbox = chi.get("/desk/approvals?format=json").await.json();
    assert_eq!(inbox["approvals"][0]["amount"]["amount"], "40000");
    let listed = chi.get("/desk/approvals").await.text();
    let path = format!("/desk/approvals/{}", between(&listed, "href=\"/desk/approvals/", "\""));
    let shown = chi.get(&path).await.text();
    assert!(shown.contains("rút hồ sơ") && shown.contains("40.000"), "the content in words");
    let hash = between(&shown, "name=\"content_hash\" value=\"", "\"");
    assert!(shown.contains(&format!("{hash}</span>")), "the hash is shown");

    // Who made it cannot, whatever roles they hold; the form says why and is dim.
    let own = an.get(&path).await.text();
    assert!(own.contains("disabled") && !own.contains("name=\"verdict\""));
    let csrf = an.token(&path).await;
    let yes = |csrf: &str, hash: &str| {
        [("csrf", csrf), ("content_hash", hash), ("verdict", "approve")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
    };
    let send = |fields: &[(String, String)]| -> Vec<(String, String)> { fields.to_vec() };
    let given = send(&yes(&csrf, &hash));
    let given: Vec<(&str, &str)> = given.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(an.post(&path, &given).await.status, 403);
    let csrf = chi.token(&path).await;
    for (fields, status) in [
        (vec![("csrf", &*csrf), ("content_hash", &*hash)], 422),
        (vec![("csrf", &*csrf), ("content_hash", &*hash), ("verdict", "reject")], 422),
        (vec![("csrf", &*csrf), ("content_hash", &*"0".repeat(64)), ("verdict", "approve")], 412),
        (vec![("csrf", &*csrf), ("content_hash", &*hash), ("verdict", "approve")], 303),
    ] {
        let answer = chi.post(&path, &fields).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let told = chi.get(&format!("{path}?told=approved")).await.text();
    assert!(told.contains("pd-told") && !told.contains("name=\"verdict\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_runs_nothing_and_is_whole() {
    let town = Town::doors().await;
    town.approver().await;
    let (mut an, person) = town.at_the_desk("an@town.example", &["auditor:*"]).await;
    for n in 0..30 {
        let evil = format!("=cmd|'/c calc'!A{n}");
        sqlx::query(
            "insert into audit (made_at, actor, action, subject) values (now(), $1, 'x.y', '+1')",
        )
        .bind(evil)
        .execute(&town.pool)
        .await
        .expect("a row");
    }
    let page = an.get("/desk/audit?action=x").await.text();
    assert!(
        page.contains("=cmd|&#39;/c calc&#39;!A29")
            || page.contains("=cmd|&#x27;/c calc&#x27;!A29"),
        "escaped"
    );
    assert!(!page.contains("!A4<"), "a page is not the whole");
    let csv = an.get("/desk/audit?action=x&format=csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let disposition = csv.headers["content-disposition"].to_str().expect("text");
    assert_eq!(disposition, "attachment; filename=\"payclear-audit.csv\"");
    let text = csv.text();
    assert_eq!(text.lines().count(), 31, "all of them, and their heads");
    assert!(
        text.starts_with('\u{feff}') && text.contains(",'=cmd|'/c calc'!A0,x.y,'+1,"),
        "{text}"
    );
    let xlsx = an.get("/desk/audit?action=x&format=xlsx").await;
    assert_eq!((xlsx.status, &xlsx.body[..2]), (200, &b"PK"[..]));
    let json = an.get("/desk/audit?action=x&format=json").await.json();
    assert_eq!(json["audit"].as_array().map(Vec::len), Some(30));
    // The same for a program with a bearer token.
    let answer = person.get("/desk/audit?action=x&format=json").await;
    assert_eq!(answer.json()["audit"].as_array().map(Vec::len), Some(30));
    // Sorted and paged by the address alone.
    let sorted =
        an.get("/desk/audit?action=x&audit.sort=number&size=10&audit.page=2&format=csv").await;
    let first = sorted.text().lines().nth(1).expect("a row").to_owned();
    assert!(first.contains("!A0"), "an export is whole, in the order that was asked for: {first}");
    let second = an.get("/desk/audit?action=x&audit.sort=number&size=10&audit.page=2").await.text();
    assert!(
        second.contains("!A10")
            && second.contains("11–20")
            && second.contains("aria-sort=\"ascending\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_lent_for_an_absence_with_a_third_persons_word() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let (mut an, an_too) = town.at_the_desk("an@town.example", &["approver:G01"]).await;
    let (mut binh, binh_too) = town.at_the_desk("binh@town.example", &["viewer:G01"]).await;
    let today = payclear::vocabulary::day::to_local(town.clock.now()).date();
    let until = today + chrono::Days::new(2);
    let csrf = an.token("/desk/people").await;
    let fields = |grant: &str, receiver: &str, until: chrono::NaiveDate| -> Vec<(String, String)> {
        [
            ("csrf", csrf.clone()),
            ("grant", grant.to_owned()),
            ("scope", "G01.A".to_owned()),
            ("receiver", receiver.to_owned()),
            ("from", today.to_string()),
            ("until", until.to_string()),
            ("reason", "nghỉ phép".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    };
    for (grant, receiver, days, field) in [
        ("admin:*", "binh@town.example", until, "lend-grant-fault"),
        ("approver:G01", "an@town.example", until, "lend-receiver-fault"),
        ("approver:G01", "nobody@town.example", until, "lend-receiver-fault"),
        ("approver:G01", "binh@town.example", today + chrono::Days::new(100), "lend-until-fault"),
    ] {
        let given = fields(grant, receiver, days);
        let given: Vec<(&str, &str)> = given.iter().map(|(n, v)| (&**n, &**v)).collect();
        let answer = an.post("/desk/people/delegations", &given).await;
        assert_eq!(answer.status, 422, "{field}: {}", answer.text());
        assert!(answer.text().contains(field), "{field}");
    }
    let given = fields("approver:G01", "binh@town.example", until);
    let given: Vec<(&str, &str)> = given.iter().map(|(n, v)| (&**n, &**v)).collect();
    let answer = an.post("/desk/people/delegations", &given).await;
    assert_eq!(place(&answer), "/desk/people?told=waits", "{}", answer.text());

    let roles = async |person: &Person| person.get("/v1/session").await.json()["roles"].to_string();
    assert!(!roles(&binh_too).await.contains("approver"), "nothing before it is approved");
    let waiting = approver.get("/v1/approvals?kind=delegation.add").await.expect(200);
    let approval = text(&waiting["approvals"][0], "id").to_owned();
    an_too.decide(&approval, "approve").await.problem(403, "four-eyes");
    town.approve(&approval).await;
    assert!(
        roles(&binh_too).await.contains("approver") && roles(&binh_too).await.contains("G01.A")
    );
    assert!(binh.get("/desk/me").await.text().contains("Người duyệt – G01.A"));

    // What is lent is not one's own to lend on; when the days are over it is gone.
    let on = json!({
        "receiver": "an@town.example", "role": "approver", "scope": "G01.A",
        "from": today, "until": until, "reason": "x",
    });
    binh_too.post("/v1/delegations", &on).await.points_to("/role");
    let id = {
        let list = binh_too.get("/v1/delegations").await.expect(200);
        assert_eq!(list["delegations"].as_array().map(Vec::len), Some(1));
        text(&list["delegations"][0], "id").to_owned()
    };
    town.as_owner("update delegation set approved_at = now()").await.expect_err("four eyes");
    // Ended at once, by one alone.
    let end = format!("/v1/delegations/{id}/end");
    assert_eq!(an_too.post(&end, &Value::Null).await.status, 204);
    assert!(!roles(&binh_too).await.contains("approver"));
    an_too.post(&end, &Value::Null).await.problem(409, "wrong-state");
}

/// The rows of a CSV export, without its head.
fn rows_of(csv: &str) -> Vec<&str> {
    csv.lines().skip(1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_shown_and_exported_to_its_end_and_one_that_is_cut_says_so() {
    let town = Town::doors().await;
    town.approver().await;
    let (mut an, _) = town.at_the_desk("an@town.example", &["viewer:*"]).await;
    let files = |count: u32| {
        format!(
            "insert into statement_file (file_id, sha256, partner, name, source, received_by,
                    received_at, size, state, state_since)
             select gen_random_uuid(), sha256(('f' || n)::bytea), 'directbank', 'f' || n || '.xml',
                    'api', 'tests', timestamptz '2026-11-01' + n * interval '1 second', 1, 'rejected',
                    now()
               from generate_series((select count(*) from statement_file) + 1, {count}) n"
        )
    };
    town.as_owner(&files(620)).await.expect("files");
    let csv = an.get("/desk/files?format=csv").await.text();
    assert_eq!(rows_of(&csv).len(), 620, "a room tells 500 at a time");
    assert!(csv.contains("f1.xml"), "the oldest as well");
    let last = an.get("/desk/files?files.page=25&lang=en").await.text();
    assert!(last.contains("601–620"), "{last}");
    let sorted = an.get("/desk/files?files.sort=received_at&size=10").await.text();
    assert!(sorted.contains(">f1.xml<"), "another order is of all of them");
    let whole = an.get("/desk/files?format=json").await.json();
    assert!(whole["cut"].is_null() && whole["files"].as_array().map(Vec::len) == Some(620));

    // More than a list reads: every form of it says that it is not all.
    town.as_owner(&files(5_100)).await.expect("files");
    let csv = an.get("/desk/files?format=csv").await.text();
    let rows = rows_of(&csv);
    assert_eq!(rows.len(), 5_001);
    assert!(rows[5_000].contains("Only the first 5.000 rows"), "{}", rows[5_000]);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let cut = an.get("/desk/files?format=json").await.json();
    assert!(text(&cut, "cut").contains("5.000"));
    let page = an.get("/desk/files?files.sort=name").await.text();
    assert!(page.contains("Only the first 5.000 rows"), "{page}");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let pdf = an.get("/desk/files?format=pdf").await;
    assert_eq!(pdf.status, 200);
    let path = std::env::temp_dir().join(format!("cut-{}.pdf", uuid::Uuid::new_v4()));
    std::fs::write(&path, &pdf.body).expect("a file");
    let read = std::process::Command::new("pdftotext").arg(&path).arg("-").output();
    std::fs::remove_file(&path).expect("it goes");
    let told = String::from_utf8(read.expect("pdftotext").stdout).expect("UTF-8");
    assert!(
        told.contains("Only the first 1.000 rows"),
        "a sheet of 1,000 rows says that it is one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_are_in_the_order_in_which_they_matter_and_are_found_by_owner_age_and_severity() {
    let town = Town::doors().await;
    town.approver().await;
    assert_eq!(town.settle("T1", 5_000, "NOBODY").await, "suspense");
    assert_eq!(town.settle("T2", 150_000_000, "NOBODY").await, "suspense");
    let (mut an, _) = town.at_the_desk("an@town.example", &["viewer:*"]).await;
    let all = "/desk/breaks?format=csv&table=breaks&lang=en";
    let csv = an.get(all).await.text();
    let rows = rows_of(&csv);
    assert_eq!(rows.len(), 2, "{csv}");
    assert!(rows[0].contains("150000000"), "the younger one matters more: {csv}");
    let told = an.get("/desk/breaks?format=json").await.json();
    let severity = |at: usize| text(&told["breaks"][at], "severity").to_owned();
    assert_ne!(severity(0), severity(1), "{told}");
    assert_eq!(told["breaks"][0]["days"], 0);
    // Nobody has them; then one has an owner and is a week old.
    assert_eq!(rows_of(&an.get(&format!("{all}&owner=none")).await.text()).len(), 2);
    town.as_owner(
        "update break_case set state = 'assigned', owner = 'an@town.example', reason = 'hỏi',
                ages_from = ages_from - 6 where amount = 5000",
    )
    .await
    .expect("it has an owner");
    for (filter, amount) in [
        ("owner=none", "150000000"),
        ("owner=an@town.example", "5000"),
        ("age=t4_7", "5000"),
        ("age=today", "150000000"),
        ("state=assigned", "5000"),
    ] {
        let csv = an.get(&format!("{all}&{filter}")).await.text();
        let rows = rows_of(&csv);
        assert!(rows.len() == 1 && rows[0].contains(amount), "{filter}: {csv}");
    }
    let page = an.get("/desk/breaks").await.text();
    assert!(page.contains("an@town.example") && page.contains("T+4"), "{page}");
    let of = |severity: &str| format!("/v1/breaks?severity={severity}");
    let viewer = town.person("xem@town.example", &["viewer:*"]).await;
    let mut found = 0;
    for severity in ["low", "medium", "high", "critical"] {
        let told = viewer.get(&of(severity)).await.expect(200);
        for case in told["breaks"].as_array().expect("a list") {
            assert_eq!(case["severity"], severity);
            found += 1;
        }
    }
    assert_eq!(found, 2);
    viewer.get(&of("dire")).await.problem(422, "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_of_a_report_leads_to_the_payments_that_it_is_made_of() {
    let town = Town::doors().await;
    town.approver().await;
    let paid = town.paid_by_bank("T1", 100_000).await;
    let other = town.issue(70_000).await;
    let (mut an, _) = town.at_the_desk("an@town.example", &["viewer:*"]).await;
    for by in ["agency", "procedure", "item", "channel", "month"] {
        let report = an.get(&format!("/desk/reports?by={by}")).await.text();
        let link = between(&report, "href=\"/desk/invoices?", "\"").replace("&amp;", "&");
        let link = link.replace("&#38;", "&");
        let found = an.get(&format!("/desk/invoices?{link}&format=csv")).await.text();
        let rows = rows_of(&found);
        assert_eq!(rows.len(), 1, "{by}: {link}: {found}");
        assert!(rows[0].contains(text(&paid, "code")), "{by}: {found}");
        assert!(!found.contains(text(&other, "code")), "{by}");
    }
    let none =
        an.get("/desk/invoices?item=Nothing&paid_from=2020-01-01&paid_until=2099-01-01").await;
    assert!(!none.text().contains(text(&paid, "code")));
}
