//! How long calls take at each memory size, which is a share of a processor, and what that costs: what the sizes of
//! `template.yaml` are chosen by. The table answers in no time here; in AWS each of its calls adds some milliseconds,
//! which cost more the more memory waits for them.

use std::time::Duration;

use it::PASSWORD;
use serde_json::{Value, json};

use super::api::{Api, text};
use super::functions::{by, expect, from, request, with};
use super::process::Process;
use super::share::{Share, release};
use super::table::{ms, publish};
use super::{Aws, is_built};
use crate::figures::{Samples, setting};

/// The sizes that are looked at, in MiB.
const SIZES: [u64; 6] = [128, 256, 512, 1024, 1769, 3008];

/// Dollars for a GB and a second, of arm64, as `docs/prices.json` has it.
fn price() -> f64 {
    let text = std::fs::read_to_string(it::repository().join("docs/prices.json")).unwrap();
    let prices: Value = serde_json::from_str(&text).unwrap();
    prices["dollars_per_gb_second"]["lambda_arm64"].as_f64().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn dollars(memory_mib: u64, took: Duration) -> f64 {
    // Lambda charges whole milliseconds.
    let billed = (took.as_secs_f64() * 1e3).ceil() / 1e3;
    billed * memory_mib as f64 / 1024.0 * price() * 1e6
}

async fn measure(process: &mut Process, calls: &[Value], status: u64) -> Samples {
    let mut samples = Samples::default();
    for call in calls {
        let (answer, took) = process.invoke(call).await;
        expect(status, &answer);
        samples.add(took);
    }
    samples
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let aws = Aws::start().await;
    let mut api = Api::start(&aws).await;
    let count = setting("BENCH_CALLS", 40);
    let token = text(&api.register("ada@example.com").await["access_token"]);
    let key = api.key(&token, "Publisher").await;
    let webhook = json!({ "url": "https://receiver.example.com/hook" });
    let made = api.webhooks.invoke(&by(&token, with(&webhook, request("POST", "/api/webhooks")))).await.0;
    expect(201, &made);
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let event = json!({ "type": "invoice.paid", "data": { "text": "x".repeat(900) } });
    let (mut rows, mut addresses) = (Vec::new(), 0);
    for memory in SIZES {
        let share = match Share::of(memory) {
            Ok(share) => share,
            Err(error) => {
                println!("Shares of a processor cannot be given here: {error}");
                return false;
            }
        };
        let logins: Vec<_> = (0..count)
            .map(|_| {
                addresses += 1;
                from(addresses, with(&login, request("POST", "/auth/login")))
            })
            .collect();
        let verify = by(&key, with(&json!({ "key": key }), request("POST", "/api/api-keys/verify")));
        let publish_one = by(&key, with(&event, request("POST", "/api/events")));
        let repeated = |call: &Value| vec![call.clone(); usize::try_from(count).unwrap()];
        let mut row = vec![memory.to_string()];
        for (process, calls, status) in [
            (&mut api.auth, logins, 200),
            (&mut api.keys, repeated(&verify), 200),
            (&mut api.webhooks, repeated(&publish_one), 202),
        ] {
            share.hold(process.id()).unwrap();
            let samples = measure(process, &calls, status).await;
            row.push(format!("{} / {}", ms(samples.median()), ms(samples.percentile(99))));
            row.push(format!("{:.2}", dollars(memory, samples.median())));
        }
        rows.push(row);
        // A group that has processes cannot be removed.
        for process in [&api.auth, &api.keys, &api.webhooks] {
            release(process.id()).unwrap();
        }
    }
    let heads = [
        "MiB",
        "log in, p50 / p99 ms",
        "$ a million",
        "verify, p50 / p99 ms",
        "$ a million",
        "publish, p50 / p99 ms",
        "$ a million",
    ];
    publish("memory", &heads, &rows);
    true
}
