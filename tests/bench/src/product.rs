//! The product's own binaries on the local stack, and what measurements of deliveries ask of it.

use std::time::Duration;

use http::Method;
use it::{PASSWORD, Request};
use serde_json::{Value, json};
use stack::{Binaries, Options, Stack};

/// The product's template, without limits on routes: what is measured is not whether somebody is stopped. Its functions
/// are those of `BENCH_FUNCTIONS`, a folder as `cargo build --release` makes it, or are built as this program was.
pub(crate) fn unlimited() -> Options {
    let given = [("EgressAllowHttp", "true"), ("RateLimits", "*.*=off")];
    let parameters = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let binaries = crate::figures::functions().map_or(Binaries::Build, Binaries::In);
    Options { parameters, binaries, ..Options::new(it::repository().join("template.yaml")) }
}

/// The running product.
pub(crate) struct Product {
    pub(crate) stack: Stack,
    client: reqwest::Client,
}

/// An organisation, with a key that publishes.
pub(crate) struct Organization {
    token: String,
    pub(crate) key: String,
}

impl Product {
    pub(crate) async fn start() -> Self {
        Self { stack: Stack::start(unlimited()).await.unwrap(), client: reqwest::Client::new() }
    }

    pub(crate) async fn post(&self, path: &str, credential: &str, body: &Value, status: u16) -> Value {
        let call = self.client.request(Method::POST, format!("{}{path}", self.stack.url()));
        Request::new(call).bearer(credential).json(body).send().await.expect(status)
    }

    pub(crate) async fn organization(&self, email: &str) -> Organization {
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        let made = self.post("/auth/register", "none", &body, 201).await;
        let token = made["access_token"].as_str().unwrap().to_owned();
        let body = json!({ "name": "Publisher", "scopes": ["events:write", "webhooks:write"] });
        let made = self.post("/api/api-keys", &token, &body, 201).await;
        Organization { token, key: made["key"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn webhook(&self, by: &Organization, url: &str, timeout_seconds: u32) {
        let body = json!({ "url": url, "timeout_seconds": timeout_seconds });
        self.post("/api/webhooks", &by.token, &body, 201).await;
    }
}

/// The CPU time that all processes of a function that are alive have taken.
pub(crate) fn cpu_of(function: &str) -> Duration {
    /// `USER_HZ`, which is 100 on every Linux that Rust runs on.
    const TICK: Duration = Duration::from_millis(10);
    let Ok(processes) = std::fs::read_dir("/proc") else { return Duration::ZERO };
    let stats =
        processes.flatten().filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let ticks: u32 = stats
        .filter_map(|stat| {
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let ours = name == function && fields.get(1)?.parse() == Ok(std::process::id());
            ours.then(|| Some(fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?))?
        })
        .sum();
    TICK * ticks
}
