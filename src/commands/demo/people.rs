//! The officers of the demo: signed in as anybody is, acting through the public doors.

use serde_json::{Value, json};

use super::{DemoError, Stage, needed, text};
use crate::commands::client::{Reply, reply};

/// Somebody who is signed in.
pub struct Person {
    web: reqwest::Client,
    url: String,
    pub email: String,
    token: String,
}

impl Person {
    async fn sign_in(
        stage: &Stage,
        email: &'static str,
        password: &'static str,
    ) -> Result<Self, DemoError> {
        let (email, password) = (needed(email)?, needed(password)?);
        let request = stage
            .web
            .post(format!("{}/v1/sessions", stage.url))
            .json(&json!({ "email": email, "password": password }));
        let session = reply(request).await?.success("signing in")?;
        let token = text(&session, "token").to_owned();
        Ok(Self { web: stage.web.clone(), url: stage.url.clone(), email, token })
    }

    pub async fn get(&self, path: &str) -> Result<Value, DemoError> {
        let request = self.web.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Ok(reply(request).await?.success(path)?)
    }

    pub async fn get_text(&self, path: &str) -> Result<String, DemoError> {
        let request = self.web.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer = reply(request).await?;
        let bytes = answer.body.clone();
        answer.success(path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whatever is answered.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Reply, DemoError> {
        let request = self.web.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Ok(reply(request.json(body)).await?)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        Ok(self.ask(path, body).await?.success(path)?)
    }

    /// A file as it is.
    pub async fn bring(&self, path: &str, file: Vec<u8>) -> Result<Value, DemoError> {
        let request = self.web.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Ok(reply(request.body(file)).await?.success(path)?)
    }

    /// Looks at what waits, and asks for exactly that.
    pub async fn decide(&self, approval: &str) -> Result<Reply, DemoError> {
        let looked = self.get(&format!("/v1/approvals/{approval}")).await?;
        let decision = json!({ "content_hash": text(&looked, "content_hash") });
        self.ask(&format!("/v1/approvals/{approval}/approve"), &decision).await
    }

    pub async fn approve(&self, approval: &str) -> Result<Value, DemoError> {
        Ok(self.decide(approval).await?.success("approving")?)
    }
}

/// The two without whom nothing is decided.
pub struct People {
    pub officer: Person,
    pub approver: Person,
}

impl People {
    pub async fn sign_in(stage: &Stage) -> Result<Self, DemoError> {
        Ok(Self {
            officer: Person::sign_in(stage, "OFFICER_EMAIL", "OFFICER_PASSWORD").await?,
            approver: Person::sign_in(stage, "APPROVER_EMAIL", "APPROVER_PASSWORD").await?,
        })
    }

    /// The officer has proposed; that one alone cannot decide is tried, not believed.
    pub async fn approve(&self, approval: &str) -> Result<Value, DemoError> {
        let alone = self.officer.decide(approval).await?;
        if alone.status != 403 {
            return Err(DemoError::OneAlone(alone.status));
        }
        self.approver.approve(approval).await
    }
}
