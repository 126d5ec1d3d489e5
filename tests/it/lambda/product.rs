//! The local stack of one test, and calls to it.

use std::path::PathBuf;

use http::Method;
use it::{Answer, Request};
use serde_json::{Value, json};
use stack::{Binaries, Captured, Options, Receiver, Stack};

pub(crate) struct Product {
    pub(crate) stack: Stack,
    client: reqwest::Client,
}

impl Product {
    /// The template as it is.
    pub(crate) async fn start() -> Self {
        Self::with(Options::new(it::repository().join("template.yaml"))).await
    }

    /// The template as it is, with variables over its own, and all that its functions print.
    pub(crate) async fn start_captured(variables: &[(&str, &str)]) -> (Self, Captured) {
        let captured = Captured::default();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options {
            variables: variables.collect(),
            captured: Some(captured.clone()),
            ..Options::new(it::repository().join("template.yaml"))
        };
        (Self::with(options).await, captured)
    }

    /// The same, where every service can have faults.
    pub(crate) async fn start_faulty() -> Self {
        Self::with(Options { faults: true, ..Options::new(it::repository().join("template.yaml")) }).await
    }

    /// The template with another text in one place: for what takes minutes as it is.
    pub(crate) async fn start_with(name: &str, from: &str, to: &str) -> Self {
        Self::with(Self::changed(name, from, to).await).await
    }

    /// Both.
    pub(crate) async fn start_faulty_with(name: &str, from: &str, to: &str) -> Self {
        Self::with(Options { faults: true, ..Self::changed(name, from, to).await }).await
    }

    async fn changed(name: &str, from: &str, to: &str) -> Options {
        let template = std::fs::read_to_string(it::repository().join("template.yaml")).unwrap();
        assert!(template.contains(from), "template.yaml has no `{from}`");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.yaml"));
        std::fs::write(&path, template.replace(from, to)).unwrap();
        // Builds what the changed template, which lies elsewhere, names but cannot build.
        drop(Self::start().await);
        let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
        Options { binaries: Binaries::In(folder), ..Options::new(path) }
    }

    async fn with(options: Options) -> Self {
        Self { stack: Stack::start(options).await.unwrap(), client: reqwest::Client::new() }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Request {
        Request::new(self.client.request(method, format!("{}{path}", self.stack.url())))
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).bearer(token).json(body).send().await
    }

    /// An access token of somebody who registers.
    pub(crate) async fn register(&self) -> String {
        let body = json!({
            "email": "ada@example.com",
            "password": it::PASSWORD,
            "organization": { "name": "Acme" },
        });
        let answer = self.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The identifier and the secret of a webhook for everything.
    pub(crate) async fn webhook(&self, token: &str, receiver: &Receiver) -> (String, String) {
        let made = self.post("/api/webhooks", token, &json!({ "url": receiver.url() })).await.expect(201);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }
}
