//! The command line makes what waits; it shows secrets once, and the log never does.

use std::io::Read;
use std::process::{Command, Stdio};

use payclear::people::totp;
use payclear::vocabulary::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::support::cluster::{at, cluster};
use crate::support::town::MASTER_KEY;
use crate::support::{Town, answer_of, text, until};

/// The program, on the database of a town.
fn program(town: &Town, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payclear"));
    command
        .args(arguments)
        .env("DATABASE_URL", at(&cluster().application_url, &town.name))
        .env("AMQP_URL", &cluster().amqp_url)
        .env("USER", "thu")
        .env("PAYCLEAR__MODE", "development")
        .env("PAYCLEAR__BROKER__PREFIX", format!("{}.", town.name))
        .env("PAYCLEAR__SECRETS__MASTER_KEY", MASTER_KEY)
        .env_remove("PAYCLEAR_CONFIG")
        .env_remove("PAYCLEAR__SECRETS__MASTER_KEY_FILE")
        .stdin(Stdio::null());
    command
}

/// What it prints, when it succeeds.
#[track_caller]
fn prints(town: &Town, arguments: &[&str]) -> String {
    let done = program(town, arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{arguments:?}: {said}");
    String::from_utf8(done.stdout).expect("text")
}

#[track_caller]
pub fn json_of(town: &Town, arguments: &[&str]) -> Value {
    serde_json::from_str(&prints(town, arguments)).expect("JSON")
}

/// What it says when it fails.
#[track_caller]
fn fails(town: &Town, arguments: &[&str]) -> String {
    let done = program(town, arguments).output().expect("it runs");
    assert!(!done.status.success(), "{arguments:?}");
    String::from_utf8(done.stderr).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_what_waits() {
    let town = Town::doors().await;
    let add = ["officer", "add", "An@Town.example", "--name", "An", "--role", "officer:G01"];
    let an = json_of(&town, &[&add[..], &["--json"]].concat());
    assert_eq!(text(&an, "email"), "an@town.example");
    assert!(text(&an, "otpauth").starts_with("otpauth://totp/payclear:an%40town.example?secret="));
    assert!(text(&an, "otpauth").contains(text(&an, "totp")));
    assert!(fails(&town, &add).contains("is known already"));
    assert!(
        prints(&town, &["officer", "list"]).contains("an@town.example  An  officer:G01  pending")
    );
    let key = json_of(&town, &["portal", "key", "botp-mau", "--json"]);
    let approving = json_of(&town, &["portal", "key", "dvc-mau", "--purpose", "approve", "--json"]);
    let url = "https://portal.example.vn/payclear";
    let endpoint = json_of(&town, &["portal", "endpoint", "dvc-mau", url, "--json"]);
    let folder = std::env::temp_dir().join(format!("{}.json", town.name));
    std::fs::write(&folder, "{}").expect("written");
    let file = folder.to_str().expect("text");
    let configured = json_of(&town, &["partner", "configure", "directbank", file, "--json"]);
    std::fs::remove_file(&folder).expect("removed");
    assert!(prints(&town, &["portal", "keys", "botp-mau"]).contains("waits to be approved"));
    assert!(prints(&town, &["portal", "endpoints", "dvc-mau"]).contains("pending"));
    let wrong = ["officer", "add", "b@town.example", "--name", "B", "--role", "king"];
    assert!(fails(&town, &wrong).contains("is no role"));

    let approver = town.approver().await;
    for made in [&an, &key, &approving, &endpoint, &configured] {
        let id = text(made, "approval");
        let seen = approver.get(&format!("/v1/approvals/{id}")).await.expect(200);
        assert_eq!(text(&seen, "made_by"), "cli/thu");
        town.approve(id).await;
    }
    assert!(prints(&town, &["officer", "list"]).contains("officer:G01  active"));
    assert!(prints(&town, &["portal", "endpoints", "dvc-mau"]).contains("open"));

    let over = fails(&town, &["portal", "key", "botp-mau", "--bootstrap"]);
    assert!(over.contains("--bootstrap is over"), "{over}");
    let reset = json_of(&town, &["officer", "reset", "an@town.example", "--json"]);
    assert!(reset["approval"].is_string());
    assert_ne!(reset["password"], an["password"]);
    assert!(prints(&town, &["officer", "disable", "an@town.example"]).contains("is disabled"));
    assert!(prints(&town, &["officer", "list"]).contains("disabled"));
    assert!(fails(&town, &["officer", "disable", "nobody@town.example"]).contains("nobody has"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_person_is_in_the_log() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["approver"]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let url = format!("http://{address}");
    let log = tempfile(&town);
    let file = std::fs::File::create(&log).expect("a log file");
    let mut service = program(&town, &["serve", "--roles", "api"])
        .env("PAYCLEAR__HTTP__LISTEN", &address)
        .env("PAYCLEAR__HTTP__PUBLIC_URL", &url)
        .env("RUST_LOG", "debug")
        .stdout(file.try_clone().expect("the same file"))
        .stderr(file)
        .spawn()
        .expect("it starts");
    until("the service to answer", || {
        let request = town.http.get(format!("{url}/livez"));
        async { request.send().await.is_ok() }
    })
    .await;
    let sign_in = |credentials: Value| {
        let request = town.http.post(format!("{url}/v1/sessions"));
        answer_of(request.header("content-type", "application/json").body(credentials.to_string()))
    };
    let wrong = json!({ "email": an.email, "password": "canary-of-a-password", "totp": "918273" });
    sign_in(wrong).await.problem(401, "sign-in-refused");
    let formless = json!({ "email": 7, "password": "canary-of-a-password" });
    sign_in(formless).await.points_to("/email");
    // The code of the next step, since the one of this is used up.
    let mut given = an.credentials(&SystemClock);
    given["totp"] = json!(totp::code_of(&an.totp, totp::step_at(SystemClock.now()) + 1));
    let token = text(&sign_in(given.clone()).await.expect(201), "token").to_owned();
    let change = json!({ "old": an.password, "new": "canary-of-a-new-password" });
    let request = town.http.post(format!("{url}/v1/session/password")).bearer_auth(&token);
    let request = request.header("content-type", "application/json").body(change.to_string());
    assert_eq!(answer_of(request).await.status, 204);
    answer_of(town.http.get(format!("{url}/v1/session")).bearer_auth(&token)).await.expect(200);
    service.kill().expect("it is ended");
    service.wait().expect("it ends");
    let mut logged = String::new();
    std::fs::File::open(&log).expect("a log").read_to_string(&mut logged).expect("text");
    std::fs::remove_file(&log).expect("removed");
    assert!(logged.contains("sign-in refused"), "something is logged: {logged}");
    let (code, seed) = (text(&given, "totp"), hex::encode(an.totp.expose()));
    for secret in ["canary", "918273", code, &an.password, &token, &seed] {
        assert!(!logged.contains(secret), "{secret} is in the log");
    }
}

fn tempfile(town: &Town) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("{}.people.log", town.name))
}
