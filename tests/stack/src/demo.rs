//! `cargo stack demo`: a new account publishes an event, and a receiver of the demo's
//! own gets it with a signature that verifies. Every step is checked.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use stack::{Options, Receiver, Stack, StackError};
use standardwebhooks::Webhook;

use crate::arguments::Arguments;

/// Cold starts of unoptimised functions take a while on a small machine.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Fields whose values are shortened in what is printed.
const SECRET_FIELDS: [&str; 5] = ["access_token", "refresh_token", "key", "secret", "password"];

/// Why the demo ends with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("the receiver does not start: {0}")]
    Receiver(#[from] std::io::Error),
    #[error("no answer: {0}")]
    Http(#[from] reqwest::Error),
    #[error("{request} was answered with {actual} instead of {expected}")]
    Status { request: String, expected: u16, actual: u16 },
    #[error("the answer has no text `{0}`")]
    Field(String),
    #[error("nothing was delivered within {} s", DELIVERY_TIMEOUT.as_secs())]
    NotDelivered,
    #[error("the signature of the delivery does not verify: {0}")]
    Signature(String),
    #[error("{what} is {actual} instead of {expected}")]
    Other { what: &'static str, expected: String, actual: String },
}

/// Starts a stack of its own, walks, and ends it in either case.
pub(crate) async fn run(template: &Path, arguments: &Arguments) -> Result<(), DemoError> {
    let mut options = Options::new(template);
    options.parameters.clone_from(&arguments.parameters);
    let stack = Stack::start(options).await?;
    let walked = match Walk::new(stack.url()) {
        Ok(walk) => walk.walk().await,
        Err(error) => Err(error),
    };
    stack.shutdown().await;
    walked
}

struct Walk {
    url: String,
    client: Client,
}

impl Walk {
    fn new(url: &str) -> Result<Walk, DemoError> {
        Ok(Walk { url: url.to_owned(), client: Client::builder().no_proxy().build()? })
    }

    async fn walk(&self) -> Result<(), DemoError> {
        let receiver = Receiver::start().await?;
        let (email, password) = ("ada@example.com", "correct horse battery staple");
        let account = json!({
            "email": email,
            "password": password,
            "organization": { "name": "Analytical Engines" },
        });
        self.post("/auth/register", None, &account, 201).await?;
        let login = json!({ "email": email, "password": password });
        let login = self.post("/auth/login", None, &login, 200).await?;
        let token = text(&login, "access_token")?;

        let key = json!({ "name": "demo", "scopes": ["events:write"] });
        let key = self.post("/api/api-keys", Some(token), &key, 201).await?;
        let webhook = json!({ "url": format!("{}/hooks", receiver.url()), "event_types": [] });
        let webhook = self.post("/api/webhooks", Some(token), &webhook, 201).await?;
        let event = json!({ "type": "invoice.paid", "data": { "id": 7 } });
        let key = text(&key, "key")?;
        let event = self.post("/api/events", Some(key), &event, 202).await?;

        let call = receiver.call_within(DELIVERY_TIMEOUT).await;
        let call = call.ok_or(DemoError::NotDelivered)?;
        println!("↓ {} {} {}", call.method, call.path, call.json());
        let secret = Webhook::new(text(&webhook, "secret")?);
        secret
            .and_then(|secret| secret.verify(&call.body, &call.headers))
            .map_err(|error| DemoError::Signature(error.to_string()))?;
        println!("  the signature verifies: {}", call.header("webhook-signature").unwrap_or("-"));
        let delivered = call.header("webhook-id").unwrap_or_default();
        expect("the webhook-id", text(&event, "id")?, delivered)?;
        expect("the data", &json!({ "id": 7 }), &call.json()["data"])?;

        self.wait_until_recorded(text(&webhook, "id")?, token).await?;
        println!("\nEverything is as it should be.");
        Ok(())
    }

    /// The record is written after the receiver has answered, so it may take a moment.
    async fn wait_until_recorded(&self, webhook: &str, token: &str) -> Result<(), DemoError> {
        let path = format!("/api/webhooks/{webhook}/deliveries");
        let end = tokio::time::Instant::now() + DELIVERY_TIMEOUT;
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        loop {
            pause.tick().await;
            let (status, body) = self.send(Method::GET, &path, Some(token), None).await?;
            let is_delivered = body["data"][0]["status"] == "delivered";
            if !is_delivered && status == 200 && tokio::time::Instant::now() < end {
                continue;
            }
            show(&Method::GET, &path, None, status, &body);
            check(&Method::GET, &path, 200, status)?;
            return expect("its status", &json!("delivered"), &body["data"][0]["status"]);
        }
    }

    async fn post(
        &self,
        path: &str,
        credential: Option<&str>,
        body: &Value,
        expected: u16,
    ) -> Result<Value, DemoError> {
        let (status, answer) = self.send(Method::POST, path, credential, Some(body)).await?;
        show(&Method::POST, path, Some(body), status, &answer);
        check(&Method::POST, path, expected, status)?;
        Ok(answer)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(u16, Value), DemoError> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        Ok((status, serde_json::from_str(&body).unwrap_or_else(|_| body.into())))
    }
}

fn show(method: &Method, path: &str, body: Option<&Value>, status: u16, answer: &Value) {
    let body = body.map(|body| format!(" {}", shortened(body))).unwrap_or_default();
    println!("→ {method} {path}{body}\n← {status} {}\n", shortened(answer));
}

/// The same with the values of secrets cut off.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(secret) if SECRET_FIELDS.contains(&name.as_str()) => {
                    let start: String = secret.chars().take(8).collect();
                    (name.clone(), format!("{start}…").into())
                }
                _ => (name.clone(), shortened(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(shortened).collect(),
        other => other.clone(),
    }
}

fn check(method: &Method, path: &str, expected: u16, actual: u16) -> Result<(), DemoError> {
    if actual == expected {
        return Ok(());
    }
    Err(DemoError::Status { request: format!("{method} {path}"), expected, actual })
}

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, DemoError> {
    let value = answer[name].as_str();
    value.ok_or_else(|| DemoError::Field(name.to_owned()))
}

fn expect<T>(what: &'static str, expected: &T, actual: &T) -> Result<(), DemoError>
where
    T: std::fmt::Display + PartialEq + ?Sized,
{
    if expected == actual {
        return Ok(());
    }
    Err(DemoError::Other { what, expected: expected.to_string(), actual: actual.to_string() })
}
