//! Deliveries: the sender beside a bare client that sends the same bytes to the same receiver, and the whole
//! dispatcher, with its reads, its signature and its record in the table. And hashing beside the reference.

use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::serve::ListenerExt as _;
use it::PASSWORD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::api::Api;
use super::front::{Authority, Front};
use super::functions::{by, expect, from, request, with};
use super::process::Process;
use super::table::{middle, ms, publish, times, us};
use super::{Aws, binary, is_built};
use crate::figures::{Samples, setting};

/// Of the sender with its guard, to the bare client: without TLS, and with it.
const HTTP_MAX: f64 = 1.5;
const HTTPS_MAX: f64 = 1.8;
/// How often both sides of a comparison are measured.
const ROUNDS: u64 = 5;
/// Of argon2id, to the reference.
const HASH_MAX: f64 = 0.8;
/// Computes as many hashes as it is told to with the reference in C, which `argon2-cffi` builds.
const REFERENCE: &str = "
import sys, time
from argon2.low_level import hash_secret_raw, Type
def one(): hash_secret_raw(b'correct horse', b'1' * 16, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID)
one()
began = time.process_time_ns()
for _ in range(int(sys.argv[1])): one()
print(time.process_time_ns() - began)
";

/// A receiver that takes everything; it ends when it is dropped.
pub(super) struct Taker {
    pub(super) url: String,
    serving: JoinHandle<()>,
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Taker {
    pub(super) async fn start() -> Self {
        Self::that_answers(drop).await
    }

    /// It ends each connection after one answer.
    async fn that_hangs_up() -> Self {
        Self::that_answers(|body| {
            drop(body);
            [(http::header::CONNECTION, "close")]
        })
        .await
    }

    async fn that_answers<A: IntoResponse + 'static>(answer: fn(axum::body::Bytes) -> A) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = Router::new().fallback(async move |body: axum::body::Bytes| answer(body));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { url, serving }
    }
}

/// The processor time of one of what a part does, and how many it does in a second.
async fn part(arguments: &[&str], trusted: &std::path::Path) -> (Duration, f64) {
    let output =
        Command::new(binary("parts").unwrap()).args(arguments).env("SSL_CERT_FILE", trusted).output();
    let output = output.await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
    let number = |name: &str| told[name].as_u64().unwrap();
    let count = u32::try_from(number("count")).unwrap();
    let took = Duration::from_nanos(number("took_ns")).as_secs_f64();
    (Duration::from_nanos(number("cpu_ns")) / count, f64::from(count) / took)
}

/// What one part took in each round.
#[derive(Default)]
struct Parts {
    cpu: Samples,
    rates: Vec<f64>,
}

impl Parts {
    fn add(&mut self, (cpu, rate): (Duration, f64)) -> Duration {
        self.cpu.add(cpu);
        self.rates.push(rate);
        cpu
    }

    fn median(self) -> (Duration, f64) {
        (self.cpu.median(), middle(self.rates))
    }
}

/// The reference's processor time for one hash, where Python has it.
async fn reference(count: &str) -> Option<Duration> {
    let output = Command::new("python3").args(["-c", REFERENCE, count]).output().await.ok()?;
    let nanos: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(Duration::from_nanos(nanos) / count.parse::<u32>().ok()?)
}

/// The parts by themselves.
pub(crate) async fn parts() -> bool {
    if !is_built() {
        return false;
    }
    let (taker, hasty) = (Taker::start().await, Taker::that_hangs_up().await);
    let authority = Authority::new();
    let [front, hasty_front] =
        [Front::start(&taker.url, &authority).await, Front::start(&hasty.url, &authority).await];
    let trusted = &authority.system;
    let (mut rows, mut kept) = (Vec::new(), true);
    let count = setting("BENCH_SENDS", 10_000);
    for (url, what, count, at_once, most) in [
        (&taker.url, "HTTP, kept", count, "1", Some(HTTP_MAX)),
        (&taker.url, "HTTP, kept", count, "10", Some(HTTP_MAX)),
        (&taker.url, "HTTP, kept", count, "100", Some(HTTP_MAX)),
        (&front.url, "HTTPS, kept", count, "1", Some(HTTPS_MAX)),
        (&front.url, "HTTPS, kept", count, "10", Some(HTTPS_MAX)),
        (&front.url, "HTTPS, kept", count, "100", Some(HTTPS_MAX)),
        (&hasty.url, "HTTP, a new one for each", count / 10, "10", None),
        (&hasty_front.url, "HTTPS, a new one for each", count / 10, "10", None),
    ] {
        let count = count.to_string();
        // In turns, so that what else the machine does meets both.
        let (mut of_bare, mut of_ours, mut ratios) = (Parts::default(), Parts::default(), Vec::new());
        for _ in 0..ROUNDS {
            let bare = of_bare.add(part(&["hyper", url, &count, at_once], trusted).await);
            let ours = of_ours.add(part(&["send", url, &count, at_once], trusted).await);
            ratios.push(times(ours, bare));
        }
        let (ratio, (bare, bare_rate), (ours, ours_rate)) =
            (middle(ratios), of_bare.median(), of_ours.median());
        kept &= most.is_none_or(|most| ratio <= most);
        rows.push(vec![
            format!("{what}, {at_once} at once"),
            us(bare),
            us(ours),
            format!("{ratio:.2}×"),
            most.map_or("–".to_owned(), |most| format!("≤ {most}×")),
            format!("{bare_rate:.0}"),
            format!("{ours_rate:.0}"),
        ]);
    }
    let heads = [
        "1 KB; connections",
        "bare hyper-util, CPU µs",
        "ours with the guard, CPU µs",
        "ratio",
        "target",
        "bare, a second",
        "ours, a second",
    ];
    publish("sending", &heads, &rows);

    let (sign, _) = part(&["sign", "100000"], trusted).await;
    println!("Signing one kilobyte takes {:.2} µs.\n", sign.as_secs_f64() * 1e6);
    kept & hashing(part(&["hash-memory", "100"], trusted).await.0).await
}

/// Hashing in log-ins of the real function, which keeps its memory, beside the reference. Taking the memory for each hash
/// would add what `memory` says.
async fn hashing(memory: Duration) -> bool {
    let aws = Aws::start().await;
    let mut api = Api::start(&aws).await;
    api.register("ada@example.com").await;
    let (mut ours, mut references, mut kept, mut fresh) =
        (Samples::default(), Samples::default(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let hash = hash_of_a_login(&mut api, round).await;
        ours.add(hash);
        if let Some(reference) = reference("40").await {
            references.add(reference);
            kept.push(times(hash, reference));
            fresh.push(times(hash + memory, reference));
        }
    }
    if kept.is_empty() {
        println!("The reference is not here: `pip install argon2-cffi`.");
        return true;
    }
    let (kept, fresh) = (middle(kept), middle(fresh));
    let rows = [
        ("the reference in C", references.median(), 1.0),
        ("ours in a log-in, with memory that is kept", ours.median(), kept),
        ("ours, if the memory were taken each time", ours.median() + memory, fresh),
    ];
    let rows = rows.map(|(what, cpu, ratio)| vec![what.to_owned(), ms(cpu), format!("{ratio:.2}×")]);
    publish("hashing", &["argon2id, m = 19 MiB, t = 2", "CPU, ms", "to the reference"], &rows);
    kept <= HASH_MAX
}

/// What the thread that hashes takes of a log-in.
async fn hash_of_a_login(api: &mut Api, round: u64) -> Duration {
    const LOGINS: u32 = 40;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login = |n: u32| from(round * 100 + u64::from(n), with(&body, request("POST", "/auth/login")));
    expect(200, &api.auth.invoke(&login(0)).await.0);
    let before = (api.auth.cpu().await, api.auth.cpu_but_for_hashing());
    for n in 1..=LOGINS {
        expect(200, &api.auth.invoke(&login(n)).await.0);
    }
    let all = api.auth.cpu().await.saturating_sub(before.0);
    let rest = api.auth.cpu_but_for_hashing().saturating_sub(before.1);
    all.saturating_sub(rest) / LOGINS
}

/// Events that were published to one webhook: the tasks that the queue would hand out.
pub(super) async fn tasks(aws: &Aws, (url, email): (&str, &str), count: u64) -> Vec<Value> {
    let start = async |name| {
        let mut environment = aws.environment(name);
        environment.insert("RATE_LIMITS".to_owned(), "*.*=off".to_owned());
        environment.insert("EGRESS_ALLOW_HTTP".to_owned(), "true".to_owned());
        Process::start(&binary(name).unwrap(), &environment).await
    };
    let (mut auth, mut webhooks) = (start("auth").await, start("webhooks").await);
    let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
    let ada = expect(201, &auth.invoke(&with(&body, request("POST", "/auth/register"))).await.0);
    let token = ada["access_token"].as_str().unwrap();
    let body = json!({ "url": url });
    let made = webhooks.invoke(&by(token, with(&body, request("POST", "/api/webhooks")))).await.0;
    let made = expect(201, &made);
    let mut tasks = Vec::new();
    for n in 0..count {
        let body = json!({ "type": "invoice.paid", "data": { "n": n, "text": "x".repeat(900) } });
        let event = webhooks.invoke(&by(token, with(&body, request("POST", "/api/events")))).await.0;
        let event = expect(202, &event);
        tasks.push(json!({
            "version": 1,
            "organization": ada["organization"]["id"],
            "event": event["id"],
            "webhook": made["id"],
            "attempt": 1,
            "not_before": "2026-01-01T00:00:00.000Z",
        }));
    }
    tasks
}

pub(super) fn batch(tasks: &[Value]) -> Value {
    let record = |(n, task): (usize, &Value)| {
        json!({
            "messageId": format!("message-{n}"),
            "receiptHandle": "handle",
            "body": task.to_string(),
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000" },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:bench",
            "awsRegion": "us-east-1",
        })
    };
    json!({ "Records": tasks.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// The whole dispatcher: batches of one and of ten, each delivery with all that belongs to it.
pub(crate) async fn dispatcher() -> bool {
    if !is_built() {
        return false;
    }
    let aws = Aws::start().await;
    let taker = Taker::start().await;
    let front = Front::start(&taker.url, &aws.authority).await;
    let count = setting("BENCH_DELIVERIES", 1000);
    let mut rows = Vec::new();
    for (url, what) in [(&taker.url, "HTTP"), (&front.url, "HTTPS")] {
        for size in [1, 10] {
            let mut environment = aws.environment("dispatcher");
            environment.insert("EGRESS_ALLOW_HTTP".to_owned(), "true".to_owned());
            let tasks = tasks(&aws, (url, &format!("{what}-{size}@example.com")), count).await;
            let mut process = Process::start(&binary("dispatcher").unwrap(), &environment).await;
            let (warm, measured) = tasks.split_at(50);
            process.invoke(&batch(warm)).await;
            let (before, mut wall) = (process.cpu().await, Samples::default());
            for part in measured.chunks(size) {
                let (answer, took) = process.invoke(&batch(part)).await;
                assert_eq!(answer, json!({ "batchItemFailures": [] }));
                wall.add(took);
            }
            let cpu = process.cpu().await.saturating_sub(before) / u32::try_from(measured.len()).unwrap();
            rows.push(vec![
                format!("{what}, batches of {size}"),
                us(cpu),
                ms(wall.median()),
                ms(wall.percentile(99)),
            ]);
        }
    }
    let heads = ["1 KB, the whole delivery", "CPU a delivery, µs", "p50 of a batch, ms", "p99, ms"];
    publish("dispatcher", &heads, &rows);
    true
}
