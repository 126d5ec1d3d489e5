//! The first steps that most tests begin with, taken over the API.

use http::Method;
use serde_json::{Value, json};
use stack::Receiver;

use crate::app::App;

/// A person who registered and their organisation.
#[derive(Clone, Debug)]
pub struct Account {
    /// Their access token.
    pub token: String,
    /// Their refresh token.
    pub refresh_token: String,
    /// Who they are.
    pub user: String,
    /// Their organisation.
    pub org: String,
}

/// A webhook that was made.
#[derive(Clone, Debug)]
pub struct MadeWebhook {
    /// Which.
    pub id: String,
    /// What its deliveries are signed with.
    pub secret: String,
}

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery staple";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl App {
    /// Everything, with somebody who registered and made a webhook for everything to a receiver.
    pub async fn with_webhook() -> (Self, Account, Receiver, MadeWebhook) {
        let app = Self::start().await;
        let account = app.register("ada@example.com").await;
        let receiver = app.receiver().await;
        let webhook = app.webhook(&account, &receiver).await;
        (app, account, receiver, webhook)
    }

    /// Somebody registers and makes an organisation.
    pub async fn register(&self, email: &str) -> Account {
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        let answer = self.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
        Account {
            token: text(&answer["access_token"]),
            refresh_token: text(&answer["refresh_token"]),
            user: text(&answer["user"]["id"]),
            org: text(&answer["organization"]["id"]),
        }
    }

    /// They sign in again: access tokens last 15 minutes.
    pub async fn sign_in(&self, account: &Account, email: &str) -> Account {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.call(Method::POST, "/auth/login").json(&body).send().await.expect(200);
        let (token, refresh_token) = (text(&answer["access_token"]), text(&answer["refresh_token"]));
        Account { token, refresh_token, ..account.clone() }
    }

    /// They make an API key.
    pub async fn api_key(&self, account: &Account, scopes: &[&str]) -> String {
        let body = json!({ "name": "A key", "scopes": scopes });
        text(&self.post("/api/api-keys", &account.token, &body).send().await.expect(201)["key"])
    }

    /// They make a webhook for everything.
    pub async fn webhook(&self, account: &Account, receiver: &Receiver) -> MadeWebhook {
        let made = self.post("/api/webhooks", &account.token, &json!({ "url": receiver.url() })).send().await;
        let made = made.expect(201);
        MadeWebhook { id: text(&made["id"]), secret: text(&made["secret"]) }
    }

    /// They publish an event; its identifier.
    pub async fn publish(&self, account: &Account, kind: &str, data: &Value) -> String {
        let body = json!({ "type": kind, "data": data });
        text(&self.post("/api/events", &account.token, &body).send().await.expect(202)["id"])
    }

    /// The delivery of an event to a webhook, as the API shows it.
    pub async fn delivery(&self, account: &Account, event: &str, webhook: &str) -> Value {
        let id = format!("dlv_{}{}", &event[4..], &webhook[4..]);
        self.get(&format!("/api/deliveries/{id}"), &account.token).send().await.expect(200)
    }
}
