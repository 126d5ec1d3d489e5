//! How long calls take at each memory size, which is a share of a processor, and what that costs: what the sizes of
//! `template.yaml` are chosen by. The table answers in no time here; in AWS each of its calls adds some milliseconds,
//! which cost more the more memory waits for them.

use std::io;
use std::time::Duration;

use it::PASSWORD;
use serde_json::{Value, json};

use super::api::{Api, text};
use super::front::Front;
use super::functions::{by, expect, fixture, from, request, with};
use super::process::Process;
use super::sending::{Taker, batch, tasks};
use super::share::{Share, release};
use super::table::{ms, publish};
use super::{Aws, binary, is_built};
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

/// Calls of one kind: of which process, those for one memory size, and what has to be answered to each.
struct Kind<'a> {
    process: &'a mut Process,
    calls: Box<dyn FnMut() -> Vec<Value> + 'a>,
    check: fn(&Value),
}

impl<'a> Kind<'a> {
    fn new(process: &'a mut Process, calls: impl FnMut() -> Vec<Value> + 'a, check: fn(&Value)) -> Self {
        Self { process, calls: Box::new(calls), check }
    }

    async fn measure(&mut self, share: &Share) -> io::Result<Samples> {
        let mut samples = Samples::default();
        share.hold(self.process.id())?;
        for call in (self.calls)() {
            let (answer, took) = self.process.invoke(&call).await;
            (self.check)(&answer);
            samples.add(took);
        }
        // A group that has processes cannot be removed.
        release(self.process.id())?;
        Ok(samples)
    }
}

/// A row for each memory size, with two cells for each kind of call.
async fn curve(kinds: &mut [Kind<'_>]) -> io::Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    for memory in SIZES {
        let (share, mut row) = (Share::of(memory)?, vec![memory.to_string()]);
        for kind in &mut *kinds {
            let samples = kind.measure(&share).await?;
            row.push(format!("{} / {}", ms(samples.median()), ms(samples.percentile(99))));
            row.push(format!("{:.2}", dollars(memory, samples.median())));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The calls of the API that cost most, or come most often.
async fn of_the_api(aws: &Aws, count: usize) -> io::Result<String> {
    let mut api = Api::start(aws).await;
    let token = text(&api.register("ada@example.com").await["access_token"]);
    let key = api.key(&token, "Publisher").await;
    let webhook = json!({ "url": "https://receiver.example.com/hook" });
    let made = api.webhooks.invoke(&by(&token, with(&webhook, request("POST", "/api/webhooks")))).await.0;
    expect(201, &made);
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let event = json!({ "type": "invoice.paid", "data": { "text": "x".repeat(900) } });
    let mut addresses = 0;
    let logins = || {
        let login = |_| {
            addresses += 1;
            from(addresses, with(&login, request("POST", "/auth/login")))
        };
        (0..count).map(login).collect()
    };
    let verify = by(&key, with(&json!({ "key": key }), request("POST", "/api/api-keys/verify")));
    let publish_one = by(&key, with(&event, request("POST", "/api/events")));
    let mut kinds = [
        Kind::new(&mut api.auth, logins, |answer| drop(expect(200, answer))),
        Kind::new(&mut api.keys, || vec![verify.clone(); count], |answer| drop(expect(200, answer))),
        Kind::new(&mut api.webhooks, || vec![publish_one.clone(); count], |answer| drop(expect(202, answer))),
    ];
    let rows = curve(&mut kinds).await?;
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
    Ok(key)
}

/// What the gateway asks the authorizer about a `key`, and what the queue hands out: ten deliveries at once.
async fn of_events(aws: &Aws, key: &str, count: usize) -> io::Result<()> {
    const BATCH: usize = 10;
    let mut authorizer = Process::start(&binary("authorizer").unwrap(), &aws.environment("authorizer")).await;
    let mut question = fixture("authorizer-request");
    question["headers"]["authorization"] = format!("Bearer {key}").into();
    question["identitySource"] = json!([format!("Bearer {key}")]);

    let taker = Taker::start().await;
    let front = Front::start(&taker.url, &aws.authority).await;
    let mut environment = aws.environment("dispatcher");
    environment.insert("EGRESS_ALLOW_HTTP".to_owned(), "true".to_owned());
    let mut dispatcher = Process::start(&binary("dispatcher").unwrap(), &environment).await;
    let all = u64::try_from(SIZES.len() * count * BATCH).unwrap();
    let tasks = tasks(aws, (&front.url, "grace@example.com"), all).await;
    // What was delivered once is not delivered again: each batch is another.
    let mut batches = tasks.chunks(BATCH).map(batch);

    let mut kinds = [
        Kind::new(
            &mut authorizer,
            || vec![question.clone(); count],
            |answer| {
                assert_eq!(answer["isAuthorized"], true, "{answer}");
            },
        ),
        Kind::new(
            &mut dispatcher,
            || batches.by_ref().take(count).collect(),
            |answer| {
                assert_eq!(*answer, json!({ "batchItemFailures": [] }));
            },
        ),
    ];
    let rows = curve(&mut kinds).await?;
    let heads = [
        "MiB",
        "authorizer asked about a key, p50 / p99 ms",
        "$ a million",
        "ten deliveries at once, p50 / p99 ms",
        "$ a million",
    ];
    publish("memory-events", &heads, &rows);
    Ok(())
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let aws = Aws::start().await;
    let count = usize::try_from(setting("BENCH_CALLS", 40)).unwrap();
    let measured = async { of_events(&aws, &of_the_api(&aws, count).await?, count).await };
    match measured.await {
        Ok(()) => true,
        Err(error) => {
            println!("Shares of a processor cannot be given here: {error}");
            false
        }
    }
}
