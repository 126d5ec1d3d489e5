//! The functions of the API, running, and what measurements ask of them first.

use it::PASSWORD;
use serde_json::{Value, json};

use super::functions::{by, expect, from, request, with};
use super::process::Process;
use super::{Aws, binary};

/// A text that has to be one.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The functions of the API, running.
pub(super) struct Api {
    pub(super) auth: Process,
    pub(super) keys: Process,
    pub(super) webhooks: Process,
    registered: u64,
}

impl Api {
    pub(super) async fn start(aws: &Aws) -> Self {
        let start = async |name| {
            let mut environment = aws.environment(name);
            environment.insert(
                "RATE_LIMITS".to_owned(),
                "read.*=off,write.*=off,publish.*=off,verify.*=off".to_owned(),
            );
            Process::start(&binary(name).unwrap(), &environment).await
        };
        Self {
            auth: start("auth").await,
            keys: start("api_keys").await,
            webhooks: start("webhooks").await,
            registered: 0,
        }
    }

    pub(super) async fn register(&mut self, email: &str) -> Value {
        self.registered += 1;
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        expect(
            201,
            &self.auth.invoke(&from(self.registered, with(&body, request("POST", "/auth/register")))).await.0,
        )
    }

    pub(super) async fn key(&mut self, token: &str, name: &str) -> String {
        let body = json!({ "name": name, "scopes": ["events:write", "webhooks:read", "api_keys:read"] });
        let call = by(token, with(&body, request("POST", "/api/api-keys")));
        text(&expect(201, &self.keys.invoke(&call).await.0)["key"])
    }
}
