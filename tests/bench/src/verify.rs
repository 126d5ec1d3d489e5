//! What verifying a key costs, through the real binary, against a function that does nothing, in one run.

use std::time::{Duration, Instant};

use http::Method;
use it::{App, PASSWORD, Request};
use serde_json::{Value, json};
use stack::{Options, Stack};
use tokio::task::JoinSet;

use crate::figures::{Samples, ms};

/// Calls one after the other.
const CALLS: usize = 2000;
/// Calls that are made before any is measured.
const WARM_UP: usize = 200;
/// Callers at once, and processes that answer them.
const AT_ONCE: usize = 8;
const INSTANCES: usize = 2;

/// A call that is made again and again.
#[derive(Clone)]
struct Call {
    client: reqwest::Client,
    method: Method,
    url: String,
    token: String,
    body: Option<Value>,
}

impl Call {
    async fn make(&self) {
        let request = Request::new(self.client.request(self.method.clone(), &self.url)).bearer(&self.token);
        let request = match &self.body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.expect(200);
    }

    async fn one_after_the_other(&self) -> Samples {
        for _ in 0..WARM_UP {
            self.make().await;
        }
        let mut samples = Samples::default();
        for _ in 0..CALLS {
            let began = Instant::now();
            self.make().await;
            samples.add(began.elapsed());
        }
        samples
    }

    /// Calls a second.
    async fn at_once(&self) -> f64 {
        let began = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let call = self.clone();
            callers.spawn(async move {
                for _ in 0..CALLS / AT_ONCE {
                    call.make().await;
                }
            });
        }
        callers.join_all().await;
        let calls = u32::try_from(CALLS / AT_ONCE * AT_ONCE).unwrap();
        f64::from(calls) / began.elapsed().as_secs_f64()
    }
}

struct Row {
    what: &'static str,
    samples: Samples,
    a_second: f64,
}

async fn post(client: &reqwest::Client, url: &str, token: &str, body: &Value) -> Value {
    Request::new(client.post(url)).bearer(token).json(body).send().await.expect(201)
}

/// A key of somebody's, and what verifies it.
async fn verify_call(stack: &Stack, client: &reqwest::Client, limits: &Value) -> Call {
    let url = stack.url();
    let email = format!("ada{}@example.com", limits.as_object().map_or(0, serde_json::Map::len));
    let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
    let person = post(client, &format!("{url}/auth/register"), "none", &body).await;
    let token = person["access_token"].as_str().unwrap().to_owned();
    let mut body = json!({ "name": "A key", "scopes": ["events:write", "api_keys:read"] });
    body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let key = post(client, &format!("{url}/api/api-keys"), &token, &body).await;
    Call {
        client: client.clone(),
        method: Method::POST,
        url: format!("{url}/api/api-keys/verify"),
        token,
        body: Some(json!({ "key": key["key"], "scopes": ["events:write"] })),
    }
}

pub(crate) async fn run() -> bool {
    let stack = Stack::start(crate::product::unlimited()).await.unwrap();
    let authorizer = stack.template().function("authorizer").unwrap().arn();
    let options = Options {
        parameters: vec![("AuthorizerFunctionArn".to_owned(), authorizer)],
        ..Options::new(it::repository().join("docs/examples/own-api/template.yaml"))
    };
    let beside = stack.start_beside(options).await.unwrap();
    stack.warm("api_keys", INSTANCES).await;
    beside.warm("hello", INSTANCES).await;
    let client = reqwest::Client::new();
    let nothing = Call {
        client: client.clone(),
        method: Method::GET,
        url: format!("{}/open", beside.url()),
        token: "none".to_owned(),
        body: None,
    };
    let plain = verify_call(&stack, &client, &json!({})).await;
    let limits = json!({
        "rate_limit": { "limit": 1_000_000, "window_seconds": 60 },
        "quota": { "limit": 1_000_000, "period": "day" },
    });
    let limited = verify_call(&stack, &client, &limits).await;
    let mut rows = Vec::new();
    for (what, call) in [
        ("a function that does nothing", nothing),
        ("verify", plain),
        ("verify, with rate and quota", limited),
    ] {
        rows.push(Row { what, samples: call.one_after_the_other().await, a_second: call.at_once().await });
    }
    println!("| | p50 ms | p99 ms | to nothing, p50 | calls a second, {AT_ONCE} at once |");
    println!("|---|---|---|---|---|");
    let floor = rows[0].samples.median();
    for Row { what, samples, a_second } in &rows {
        let (p50, p99) = (samples.median(), samples.percentile(99));
        let ratio = p50.as_secs_f64() / floor.as_secs_f64();
        println!("| {what} | {} | {} | {ratio:.2} | {a_second:.0} |", ms(p50), ms(p99));
    }
    beside.shutdown().await;
    stack.shutdown().await;
    counted().await
}

/// The calls to both tables, counted in one process. The promise: a verification that is remembered reads
/// nothing, one that is not makes two reads, and a checksum that is wrong asks nobody.
async fn counted() -> bool {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["events:write"]).await;
    let verify = async |key: &str| {
        let body = json!({ "key": key });
        app.post("/api/api-keys/verify", &ada.token, &body).send().await.expect(200);
        (app.table_calls(), app.limit_calls())
    };
    verify(&key).await;
    let warm = verify(&key).await;
    app.hands.advance(Duration::from_secs(5));
    app.get("/api/webhooks", &ada.token).send().await.expect(200);
    app.table_calls();
    let cold = verify(&key).await;
    let wrong = verify(&key[..key.len() - 1]).await;
    println!("\n| Verify | Calls to the table | to the counters |\n|---|---|---|");
    for (what, (table, limits)) in
        [("remembered", &warm), ("not remembered", &cold), ("wrong checksum", &wrong)]
    {
        println!("| {what} | {} | {} |", table.join(" "), limits.join(" "));
    }
    warm.0.is_empty() && cold.0 == ["GetItem", "BatchGetItem"] && wrong.0.is_empty() && wrong.1.is_empty()
}
