//! Cold starts: what a process takes until it asks for its first invocation, and what the first one takes. Functions
//! and floors take turns, so that what else the machine does meets all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{Api, text};
use super::functions::{by, expect, fixture, request, with};
use super::process::Process;
use super::table::{ms, publish, times};
use super::{Aws, FUNCTIONS, OF_THE_API, binary, is_built};
use crate::figures::{Samples, setting};

/// Of a function that reaches the table over TLS, to the bare function.
const INIT_MAX: f64 = 4.0;
const FIRST_MAX: f64 = 4.0;
/// In KiB: of one that hashes passwords, and of the others.
const PEAK_MAX: u64 = 16 * 1024;
const PEAK_OF_AUTH_MAX: u64 = 36 * 1024;

#[derive(Default)]
struct Starts {
    wall: Samples,
    init: Samples,
    first: Samples,
    /// Only of functions of the API.
    first_of_somebody: Samples,
    peak_kib: u64,
}

/// The first event of each: a call without a credential, and for the others one that finds nothing to do.
fn event(name: &str) -> Value {
    match name {
        "organizations" => request("GET", "/api/organizations"),
        "api_keys" => request("GET", "/api/api-keys"),
        "webhooks" => request("GET", "/api/webhooks"),
        "dispatcher" | "mailer" => json!({ "Records": [] }),
        "sweeper" => fixture("sweeper-schedule"),
        "migrator" => fixture("migrator-schedule"),
        "authorizer" => fixture("authorizer-request"),
        "rotator" => Value::Null,
        _ => request("GET", "/health"),
    }
}

/// The first call of somebody to each function of the API, and the status of its answer.
async fn of_somebody(aws: &Aws) -> BTreeMap<&'static str, (Value, u64)> {
    let mut api = Api::start(aws).await;
    let token = text(&api.register("ada@example.com").await["access_token"]);
    let key = api.key(&token, "Publisher").await;
    let url = json!({ "url": "https://receiver.example.com/hook" });
    expect(201, &api.webhooks.invoke(&by(&token, with(&url, request("POST", "/api/webhooks")))).await.0);
    let event = json!({ "type": "invoice.paid", "data": { "text": "x".repeat(900) } });
    BTreeMap::from([
        ("auth", (by(&token, request("GET", "/auth/me")), 200)),
        ("organizations", (by(&token, request("GET", "/api/organizations")), 200)),
        ("api_keys", (by(&key, with(&json!({ "key": key }), request("POST", "/api/api-keys/verify"))), 200)),
        ("webhooks", (by(&key, with(&event, request("POST", "/api/events"))), 202)),
    ])
}

/// Starts each of them so many times, in turns.
async fn start_all<'a>(names: &[&'a str], rounds: u64) -> BTreeMap<&'a str, Starts> {
    let aws = Aws::start().await;
    let of_somebody = of_somebody(&aws).await;
    let mut all: BTreeMap<&str, Starts> = BTreeMap::new();
    // One round more than is counted: the first reads the binaries from the disk.
    for round in 0..=rounds {
        for name in names {
            let start = async || Process::start(&binary(name).unwrap(), &aws.environment(name)).await;
            let mut process = start().await;
            let init = process.cpu().await;
            // The rotator refuses everything but a rotation; its first invocation is not counted.
            if *name != "rotator" {
                process.invoke(&event(name)).await;
            }
            let first = process.cpu().await.saturating_sub(init);
            let mut of_another = None;
            if let Some((event, status)) = of_somebody.get(name) {
                let mut process = start().await;
                let before = process.cpu().await;
                expect(*status, &process.invoke(event).await.0);
                of_another = Some(process.cpu().await.saturating_sub(before));
            }
            if round > 0 {
                let starts = all.entry(name).or_default();
                starts.wall.add(process.started_in);
                starts.init.add(init);
                starts.first.add(first);
                if let Some(took) = of_another {
                    starts.first_of_somebody.add(took);
                }
                starts.peak_kib = starts.peak_kib.max(process.peak_kib());
            }
        }
    }
    all
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let rounds = setting("BENCH_STARTS", 30);
    let names: Vec<&str> =
        ["hello_runtime", "hello_http", "hello_get"].into_iter().chain(FUNCTIONS).collect();
    let all = start_all(&names, rounds).await;
    let median = |name: &str| (all[name].init.median(), all[name].first.median());
    let (mut rows, mut kept) = (Vec::new(), true);
    for name in &names {
        let starts = &all[name];
        let floor =
            if OF_THE_API.contains(name) || *name == "hello_get" { "hello_http" } else { "hello_runtime" };
        let ((init, first), (init_floor, first_floor)) = (median(name), median(floor));
        let (init_times, first_times) = (times(init, init_floor), times(first, first_floor));
        if FUNCTIONS.contains(name) {
            let peak_max = if *name == "auth" { PEAK_OF_AUTH_MAX } else { PEAK_MAX };
            kept &= init_times <= INIT_MAX && starts.peak_kib <= peak_max;
            kept &= *name == "rotator" || first_times <= FIRST_MAX;
        }
        let first_said = if *name == "rotator" { "–".to_owned() } else { ms(first) };
        let times_said = if *name == "rotator" { "–".to_owned() } else { format!("{first_times:.2}×") };
        rows.push(vec![
            format!("`{name}`"),
            ms(starts.wall.median()),
            ms(init),
            format!("{init_times:.2}×"),
            first_said,
            times_said,
            starts.first_of_somebody.said(50, ms),
            format!("{}.{}", starts.peak_kib / 1024, starts.peak_kib % 1024 * 10 / 1024),
        ]);
    }
    println!("{rounds} starts of each, in turns; medians.\n");
    let heads = [
        "Binary",
        "Wall, ms",
        "Init CPU, ms",
        "to the floor",
        "First call CPU, ms",
        "to the floor",
        "First of somebody, CPU, ms",
        "Peak RSS, MiB",
    ];
    publish("cold-start", &heads, &rows);
    kept
}
