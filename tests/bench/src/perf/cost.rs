//! What a million of each operation costs in the end: the requests that `docs/operations.md` counts, and the time that
//! Lambda charges at the memory size of `template.yaml`. The processor's part of that time is measured; what a call to a
//! service of AWS makes a function wait is assumed, in `docs/prices.json`, since nothing here can measure it.

use std::collections::BTreeMap;
use std::time::Duration;

use it::PASSWORD;
use serde_json::{Value, json};

use super::api::{Api, text};
use super::functions::{by, expect, from, request, with};
use super::process::Process;
use super::sending::{Taker, batch, tasks};
use super::share::Share;
use super::table::{ms, publish};
use super::{Aws, binary, is_built};
use crate::figures::Samples;

const CALLS: u64 = 40;

/// `docs/prices.json`.
struct Prices(Value);

impl Prices {
    fn read() -> Self {
        let text = std::fs::read_to_string(it::repository().join("docs/prices.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn gb_second(&self) -> f64 {
        self.0["dollars_per_gb_second"]["lambda_arm64"].as_f64().unwrap()
    }

    /// How long a function waits for a call.
    fn wait(&self, service: &str) -> Duration {
        Duration::from_secs_f64(self.0["milliseconds_assumed"][service].as_f64().unwrap() / 1e3)
    }
}

/// A row of the table in `docs/operations.md`: calls of DynamoDB and of SQS, and dollars.
fn counted(operation: &str) -> (u32, u32, f64) {
    let text = std::fs::read_to_string(it::repository().join("docs/operations.md")).unwrap();
    let row = text.lines().find(|line| line.starts_with(&format!("| {operation} |"))).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let calls = cells[2].split(", ").filter_map(|call| call.split(' ').next()?.parse::<u32>().ok());
    (calls.sum(), cells[7].parse().unwrap(), cells[8].parse().unwrap())
}

fn memory_of(function: &str) -> u64 {
    u64::from(it::template().function(function).unwrap().memory_mb)
}

/// What an operation takes in its function, with the share of a processor that the function has.
async fn measured(
    process: &mut Process,
    function: &str,
    mut call: impl FnMut(u64) -> Value,
    mut learn: impl FnMut(&Value),
) -> Duration {
    let (share, mut samples) = (Share::of(memory_of(function)).unwrap(), Samples::default());
    share.hold(process.id()).unwrap();
    for n in 0..CALLS {
        let (answer, took) = process.invoke(&call(n)).await;
        learn(&answer);
        samples.add(took);
    }
    super::share::release(process.id()).unwrap();
    samples.median()
}

fn is(status: u64) -> impl FnMut(&Value) {
    move |answer| drop(expect(status, answer))
}

/// The operations, by their names in `docs/operations.md`: their functions, and what they take.
async fn operations(aws: &Aws) -> Vec<(&'static str, &'static str, Duration)> {
    let mut api = Api::start(aws).await;
    let ada = api.register("ada@example.com").await;
    let (token, mut refresh_token) = (text(&ada["access_token"]), text(&ada["refresh_token"]));
    let key = api.key(&token, "Publisher").await;
    let url = json!({ "url": "https://receiver.example.com/hook" });
    expect(201, &api.webhooks.invoke(&by(&token, with(&url, request("POST", "/api/webhooks")))).await.0);

    let register = |n| {
        let email = format!("n{n}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        from(1000 + n, with(&body, request("POST", "/auth/register")))
    };
    let register = measured(&mut api.auth, "auth", register, is(201)).await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login = |n| from(2000 + n, with(&login, request("POST", "/auth/login")));
    let login = measured(&mut api.auth, "auth", login, is(200)).await;
    let current = std::cell::RefCell::new(&mut refresh_token);
    let refresh = |n| {
        let body = json!({ "refresh_token": **current.borrow() });
        from(3000 + n, with(&body, request("POST", "/auth/refresh")))
    };
    let learn = |answer: &Value| **current.borrow_mut() = text(&expect(200, answer)["refresh_token"]);
    let refresh = measured(&mut api.auth, "auth", refresh, learn).await;

    let mut keys = Vec::new();
    for n in 0..CALLS {
        keys.push(api.key(&token, &format!("Key {n}")).await);
    }
    let verify = |n: u64| {
        let body = json!({ "key": keys[usize::try_from(n).unwrap()] });
        by(&key, with(&body, request("POST", "/api/api-keys/verify")))
    };
    let verify = measured(&mut api.keys, "api_keys", verify, is(200)).await;
    let event = json!({ "type": "invoice.paid", "data": { "text": "x".repeat(900) } });
    let publish = |_| by(&key, with(&event, request("POST", "/api/events")));
    let publish = measured(&mut api.webhooks, "webhooks", publish, is(202)).await;
    vec![
        ("register", "auth", register),
        ("log in", "auth", login),
        ("refresh", "auth", refresh),
        ("verify a key", "api_keys", verify),
        ("publish, to one webhook", "webhooks", publish),
        ("deliver, at once", "dispatcher", delivery(aws).await),
    ]
}

async fn delivery(aws: &Aws) -> Duration {
    let taker = Taker::start().await;
    let tasks = tasks(aws, (&taker.url, "deliver@example.com"), CALLS).await;
    let mut environment = aws.environment("dispatcher");
    environment.insert("EGRESS_ALLOW_HTTP".to_owned(), "true".to_owned());
    let mut process = Process::start(&binary("dispatcher").unwrap(), &environment).await;
    let one = |n| batch(std::slice::from_ref(&tasks[usize::try_from(n).unwrap()]));
    let learn = |answer: &Value| assert_eq!(*answer, json!({ "batchItemFailures": [] }));
    measured(&mut process, "dispatcher", one, learn).await
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    if let Err(error) = Share::of(128) {
        println!("Shares of a processor cannot be given here: {error}");
        return false;
    }
    let (aws, prices) = (Aws::start().await, Prices::read());
    let (mut rows, mut dollars) = (Vec::new(), BTreeMap::new());
    for (operation, function, took) in operations(&aws).await {
        let (of_dynamodb, of_sqs, requests) = counted(operation);
        // What a queue hands out, and deletes, is not the function's to wait for.
        let sent = if function == "dispatcher" { 0 } else { of_sqs };
        let waits = prices.wait("dynamodb_call") * of_dynamodb + prices.wait("sqs_call") * sent;
        let memory = memory_of(function);
        let gigabytes = f64::from(u32::try_from(memory).unwrap()) / 1024.0;
        let compute =
            ((took + waits).as_secs_f64() * 1e3).ceil() / 1e3 * gigabytes * prices.gb_second() * 1e6;
        dollars.insert(operation, compute + requests);
        rows.push(vec![
            operation.to_owned(),
            memory.to_string(),
            ms(took),
            ms(waits),
            format!("{compute:.2}"),
            format!("{requests:.2}"),
            format!("{:.2}", compute + requests),
        ]);
    }
    let heads = [
        "A million of",
        "MiB",
        "measured, ms",
        "assumed waiting, ms",
        "$ for the time",
        "$ for requests",
        "$ in all",
    ];
    publish("cost", &heads, &rows);
    super::others::compare(&prices.0, &dollars);
    true
}
