//! Cold starts: what a process takes until it asks for its first invocation, and what the first one takes. Functions
//! and floors take turns, so that what else the machine does meets all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::functions::request;
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

fn fixture(name: &str) -> Value {
    let path = it::repository().join(format!("tests/fixtures/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let aws = Aws::start().await;
    let rounds = setting("BENCH_STARTS", 30);
    let names: Vec<&str> =
        ["hello_runtime", "hello_http", "hello_get"].into_iter().chain(FUNCTIONS).collect();
    let mut all: BTreeMap<&str, Starts> = BTreeMap::new();
    // One round more than is counted: the first reads the binaries from the disk.
    for round in 0..=rounds {
        for name in &names {
            let mut process = Process::start(&binary(name).unwrap(), &aws.environment(name)).await;
            let init = process.cpu().await;
            // The rotator refuses everything but a rotation; its first invocation is not counted.
            if *name != "rotator" {
                process.invoke(&event(name)).await;
            }
            let first = process.cpu().await.saturating_sub(init);
            if round > 0 {
                let starts = all.entry(name).or_default();
                starts.wall.add(process.started_in);
                starts.init.add(init);
                starts.first.add(first);
                starts.peak_kib = starts.peak_kib.max(process.peak_kib());
            }
        }
    }
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
        "Peak RSS, MiB",
    ];
    publish("cold-start", &heads, &rows);
    kept
}
