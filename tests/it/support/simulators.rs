//! The simulators as a process of their own: the banks, the gateway and the reference portal.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use payclear::partners::dialects::Call;
use serde_json::{Value, json};

use super::caller::{Answer, Caller, answer};
use super::wait::until;

pub const CHECKSUM_KEY: &str = "checksum-key-of-the-tests";
pub const HASH_SECRET: &str = "hash-secret-of-the-tests";
pub const TMN_CODE: &str = "PAYCLEAR";
const API_KEY: &str = "api-key-of-the-tests";
const CLIENT_ID: &str = "samplebank";

/// A running process of simulators; it ends with this value.
pub struct Simulators {
    pub url: String,
    http: reqwest::Client,
    child: Child,
    journals: PathBuf,
}

/// A port below those that the system hands out by itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    loop {
        let port = 21_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 11_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A program of this workspace, beside the test's own.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let folder = test.parent().and_then(Path::parent).expect("the folder of programs");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace --bins`", path.display());
    path
}

impl Simulators {
    pub async fn start(http: &reqwest::Client, payclear_url: &str, bank: &Caller) -> Self {
        Self::start_at(http, payclear_url, bank, "0.001").await
    }

    /// With the banks' own pauses between two tries shortened by this factor.
    pub async fn start_at(
        http: &reqwest::Client,
        payclear_url: &str,
        bank: &Caller,
        scale: &str,
    ) -> Self {
        let port = free_port();
        let journals = std::env::temp_dir().join(format!("sim-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&journals).expect("a folder for journals");
        let log = std::fs::File::create(journals.join("log")).expect("a log file");
        let secret =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bank.secret);
        let child = Command::new(program("bank-simulators"))
            .arg("serve")
            .env("SIM_LISTEN", format!("127.0.0.1:{port}"))
            .env("SIM_JOURNAL_DIR", &journals)
            .env("SIM_PAYCLEAR_URL", payclear_url)
            .env("SIM_RETRY_SCALE", scale)
            .env("SIM_CALLBACK_TIMEOUT_MS", "10000")
            .env("SIM_PAYOS_CLIENT_ID", CLIENT_ID)
            .env("SIM_PAYOS_API_KEY", API_KEY)
            .env("SIM_PAYOS_CHECKSUM_KEY", CHECKSUM_KEY)
            .env("SIM_VNPAY_TMN_CODE", TMN_CODE)
            .env("SIM_VNPAY_HASH_SECRET", HASH_SECRET)
            .env("SIM_BANK_KEY_ID", &bank.key_id)
            .env("SIM_BANK_SECRET", secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the simulators start");
        let url = format!("http://127.0.0.1:{port}");
        let made = Self { url, http: http.clone(), child, journals };
        until("the simulators to serve", || async {
            answer(made.http.get(format!("{}/livez", made.url)))
                .await
                .is_ok_and(|a| a.status == 200)
        })
        .await;
        made
    }

    /// What the partners' dialects are told.
    pub fn settings(url: &str) -> [(&'static str, Value); 2] {
        let payos = json!({
            "base_url": format!("{url}/payos"), "client_id": CLIENT_ID, "api_key": API_KEY,
            "checksum_key": CHECKSUM_KEY,
        });
        let vnpay = json!({
            "payment_url": format!("{url}/vnpay/paymentv2/vpcpay.html"),
            "api_url": format!("{url}/vnpay/merchant_webapi/api/transaction"),
            "tmn_code": TMN_CODE, "hash_secret": HASH_SECRET,
        });
        [("samplebank", payos), ("vnpay", vnpay)]
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        answer(request).await.expect("the simulators answer")
    }

    /// Makes a dialect's own call; status and body.
    pub async fn call(&self, call: Call) -> (u16, Vec<u8>) {
        let method = call.method.parse().expect("a method");
        let mut request = self.http.request(method, call.url).body(call.body);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.expect("the simulators answer");
        (response.status().as_u16(), response.bytes().await.expect("a body").to_vec())
    }

    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url));
        answer(request).await.expect("the simulators answer").expect(200)
    }

    /// A payer acts; the answer says what the bank did and what the service answered first.
    pub async fn pay(&self, order: &str, outcome: &str) -> Value {
        self.pay_with(order, outcome, &json!({})).await
    }

    pub async fn pay_with(&self, order: &str, outcome: &str, more: &Value) -> Value {
        let mut body = json!({ "order": order, "outcome": outcome, "wait": true });
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        self.post("/control/pay", &body).await.expect(200)
    }

    /// What the banks truly took, in đồng.
    pub async fn money_taken(&self) -> i64 {
        let moved = self.get("/control/journal?kind=movement&direction=in").await;
        moved.as_array().expect("a journal").iter().map(|m| dong(&m["amount"])).sum()
    }

    /// The notices that the reference portal got.
    pub async fn notices(&self) -> Vec<Value> {
        let journal = self.get("/portal/journal").await;
        journal.as_array().expect("a journal").clone()
    }
}

pub fn dong(amount: &Value) -> i64 {
    amount
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no đồng: {amount}"))
}

impl Drop for Simulators {
    fn drop(&mut self) {
        // Whether it had ended by itself does not matter now.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.journals.join("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(10).collect();
            eprintln!("the simulators' last words:");
            last.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        drop(std::fs::remove_dir_all(&self.journals));
    }
}
