//! People of a town: entered as at the command line, signed in as by their own hand.

use payclear::approvals::people::{self, Drawing, EnterError, Entered};
use payclear::approvals::propose::Maker;
use payclear::people::password::Hasher;
use payclear::people::role::Grant;
use payclear::people::totp;
use payclear::platform::audit::By;
use payclear::platform::seal::Secret;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::ApprovalId;
use serde_json::{Value, json};

use super::caller::{Answer, answer_of};
use super::town::{Town, master_keys, text};

/// Somebody with what they sign in with and, once signed in, their token.
#[derive(Debug, Clone)]
pub struct Person {
    pub http: reqwest::Client,
    pub url: String,
    pub id: String,
    pub email: String,
    pub password: String,
    pub totp: Secret,
    pub token: String,
    /// What waits for another, when something does.
    pub approval: Option<ApprovalId>,
}

impl Person {
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let method: reqwest::Method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = request.bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer_of(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    /// Decides on what stands there now.
    pub async fn decide(&self, id: &str, verdict: &str) -> Answer {
        let seen = self.get(&format!("/v1/approvals/{id}")).await;
        if seen.status != 200 {
            return seen;
        }
        let body = json!({ "content_hash": seen.json()["content_hash"] });
        self.post(&format!("/v1/approvals/{id}/{verdict}"), &body).await
    }

    /// What this person signs in with at a moment.
    pub fn credentials(&self, clock: &dyn Clock) -> Value {
        let code = totp::code_of(&self.totp, totp::step_at(clock.now()));
        json!({ "email": self.email, "password": self.password, "totp": code })
    }

    pub async fn try_sign_in(&self, credentials: &Value) -> Answer {
        let request = self.http.post(format!("{}/v1/sessions", self.url));
        answer_of(request.header("content-type", "application/json").body(credentials.to_string()))
            .await
    }

    /// Signs in; each step of the clock is good for one.
    pub async fn sign_in(&mut self, clock: &dyn Clock) {
        let made = self.try_sign_in(&self.credentials(clock)).await.expect(201);
        text(&made, "token").clone_into(&mut self.token);
    }
}

impl Town {
    /// Enters somebody whom another must approve. Not signed in.
    pub async fn pending_person(&self, email: &str, roles: &[&str]) -> Person {
        self.enter(email, roles, Maker::pending(self.by())).await
    }

    /// Somebody who is signed in.
    pub async fn person(&self, email: &str, roles: &[&str]) -> Person {
        let mut person = if self.approver.initialized() {
            let person = self.pending_person(email, roles).await;
            self.approve(&person.approval.expect("it waits").to_string()).await;
            person
        } else {
            self.enter(email, roles, Maker::bootstrap(self.by())).await
        };
        person.sign_in(&*self.clock).await;
        person
    }

    /// Enters somebody, or says why not.
    pub async fn try_to_enter(
        &self,
        email: &str,
        roles: &[&str],
        maker: Maker<'_>,
    ) -> Result<Entered, EnterError> {
        let grants: Vec<Grant> = roles.iter().map(|role| role.parse().expect("a grant")).collect();
        let (hasher, keys) = (Hasher::default(), master_keys());
        let drawing = Drawing { hasher: &hasher, keys: &keys };
        people::add(&self.pool, drawing, maker, (email, "Người Thử"), &grants).await
    }

    async fn enter(&self, email: &str, roles: &[&str], maker: Maker<'_>) -> Person {
        let made = self.try_to_enter(email, roles, maker).await.expect("a person");
        Person {
            http: self.http.clone(),
            url: self.url.clone(),
            id: made.id.to_string(),
            email: made.email,
            password: made.drawn.password.expose().to_owned(),
            totp: made.drawn.totp,
            token: String::new(),
            approval: made.approval,
        }
    }

    /// Who approves what others make in this town. With the first approval bootstrapping is over.
    pub async fn approver(&self) -> &Person {
        self.approver
            .get_or_init(|| async {
                let roles = ["approver:*", "admin:*"];
                let maker = Maker::bootstrap(self.by());
                let mut person = self.enter("approver@town.example", &roles, maker).await;
                person.sign_in(&*self.clock).await;
                person
            })
            .await
    }

    /// Has what waits approved; the registers in memory know it when this returns.
    pub async fn approve(&self, id: &str) -> Value {
        let done = self.approver().await.decide(id, "approve").await.expect(200);
        self.app.directory.refresh().await.expect("the registers");
        done
    }

    /// An endpoint that a portal made and somebody approved; its id and secret.
    pub async fn endpoint(&self, portal: &super::Caller, url: &str) -> (String, String) {
        let made = portal.post("/v1/endpoints", &json!({ "url": url })).await.expect(201);
        assert_eq!(made["state"], "pending");
        self.approve(text(&made, "approval")).await;
        (text(&made, "id").to_owned(), text(&made, "secret").to_owned())
    }

    fn by(&self) -> By<'static> {
        By { actor: "cli/tests", at: self.clock.now() }
    }
}
