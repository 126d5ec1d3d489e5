//! What calls to a running function take: processor time, beside the bare function, and the time that a caller of the
//! Runtime API waits. What the tables and queues take is not in the first and is in the second.

use std::time::Duration;

use it::PASSWORD;
use serde_json::{Value, json};

use super::api::{Api, text};
use super::functions::{by, expect, from, request, with};
use super::process::Process;
use super::table::{middle, ms, publish, times, us};
use super::{Aws, binary, is_built};
use crate::figures::{Samples, setting};

/// Of a call that reads nothing, to the bare function.
const HEALTH_MAX: f64 = 1.2;
/// Of a read with a token, and of a verification that nothing is known of, to a function that makes one `GetItem`.
const READ_MAX: f64 = 1.25;
const VERIFY_MAX: f64 = 1.2;

/// What one operation took.
struct Measured {
    name: &'static str,
    cpu: Duration,
    /// Of the thread that does everything but hashing.
    cpu_but_for_hashing: Duration,
    wall: Samples,
    /// Calls of AWS's services that one makes.
    calls: f64,
}

/// Runs one operation of a `process` with these services again and again: `event` makes the call of each, and `learn` looks at what was answered.
async fn measure(
    (process, aws): (&mut Process, &Aws),
    name: &'static str,
    (warm, count): (u64, u64),
    mut event: impl FnMut(u64) -> Value,
    mut learn: impl FnMut(&Value),
) -> Measured {
    for n in 0..warm {
        let answer = process.invoke(&event(n)).await.0;
        learn(&answer);
    }
    let (before, calls_before, mut wall) = (process.cpu().await, aws.calls(), Samples::default());
    let thread_before = process.cpu_but_for_hashing();
    for n in warm..warm + count {
        let (answer, took) = process.invoke(&event(n)).await;
        wall.add(took);
        learn(&answer);
    }
    let cpu = process.cpu().await.saturating_sub(before);
    let cpu_of_thread = process.cpu_but_for_hashing().saturating_sub(thread_before);
    let (calls, count) = (aws.calls() - calls_before, u32::try_from(count).unwrap());
    let calls = f64::from(u32::try_from(calls).unwrap()) / f64::from(count);
    Measured { name, cpu: cpu / count, cpu_but_for_hashing: cpu_of_thread / count, wall, calls }
}

fn is(status: u64) -> impl FnMut(&Value) {
    move |answer| drop(expect(status, answer))
}

/// The bare functions; the one with a read gets the webhook's item, as ours does.
async fn of_floors(aws: &Aws, (warm, count): (u64, u64), (org, webhook): (&str, &str)) -> [Measured; 2] {
    let mut hello = Process::start(&binary("hello_http").unwrap(), &aws.environment("hello_http")).await;
    let mut environment = aws.environment("hello_get");
    environment.insert("FLOOR_PK".to_owned(), org.to_owned());
    environment.insert("FLOOR_SK".to_owned(), webhook.to_owned());
    let mut get = Process::start(&binary("hello_get").unwrap(), &environment).await;
    let found = get.invoke(&request("GET", "/health")).await.0;
    assert_eq!(expect(200, &found), json!({ "found": true }));
    let event = |_| request("GET", "/health");
    [
        measure((&mut hello, aws), "bare `lambda_http`", (warm, count), event, is(200)).await,
        measure((&mut get, aws), "bare `lambda_http` and one GetItem", (warm, count), event, is(200)).await,
    ]
}

async fn of_auth(
    (api, aws): (&mut Api, &Aws),
    credentials: &Value,
    (warm, count): (u64, u64),
) -> Vec<Measured> {
    let token = text(&credentials["access_token"]);
    let mut refresh = text(&credentials["refresh_token"]);
    // Each from another address: one that calls more than a hundredth of its limit is counted in the table.
    let health = |n| from(n, request("GET", "/health"));
    let health = measure((&mut api.auth, aws), "health", (warm, count), health, is(200)).await;
    let me = |_| by(&token, request("GET", "/auth/me"));
    let me = measure((&mut api.auth, aws), "who am I (`GET /auth/me`)", (warm, count), me, is(200)).await;
    let current = std::cell::RefCell::new(&mut refresh);
    let event = |n| {
        let body = json!({ "refresh_token": **current.borrow() });
        from(n, with(&body, request("POST", "/auth/refresh")))
    };
    let learn = |answer: &Value| **current.borrow_mut() = text(&expect(200, answer)["refresh_token"]);
    let refreshed = measure((&mut api.auth, aws), "refresh", (warm, count), event, learn).await;
    let login = |n| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        from(n, with(&body, request("POST", "/auth/login")))
    };
    let login = measure((&mut api.auth, aws), "log in", (5, 50), login, is(200)).await;
    let but_for_hashing = Measured {
        name: "log in, but for hashing",
        cpu: login.cpu_but_for_hashing,
        wall: Samples::default(),
        ..login
    };
    vec![health, me, refreshed, login, but_for_hashing]
}

async fn of_keys((api, aws): (&mut Api, &Aws), token: &str, (warm, count): (u64, u64)) -> Vec<Measured> {
    let mut keys = Vec::new();
    for n in 0..(warm + count) {
        keys.push(api.key(token, &format!("Key {n}")).await);
    }
    let caller = api.key(token, "Caller").await;
    let verify = |n: u64| {
        let body = json!({ "key": keys[usize::try_from(n).unwrap()] });
        by(&caller, with(&body, request("POST", "/api/api-keys/verify")))
    };
    let one = |_| by(&caller, with(&json!({ "key": keys[0] }), request("POST", "/api/api-keys/verify")));
    vec![
        measure((&mut api.keys, aws), "verify a key, each another", (warm, count), verify, is(200)).await,
        measure((&mut api.keys, aws), "verify a key, always the same", (warm, count), one, is(200)).await,
    ]
}

async fn make_webhook(api: &mut Api, token: &str) -> String {
    let body = json!({ "url": "https://receiver.example.com/hook" });
    let made = api.webhooks.invoke(&by(token, with(&body, request("POST", "/api/webhooks")))).await.0;
    text(&expect(201, &made)["id"])
}

async fn of_webhooks(
    (api, aws): (&mut Api, &Aws),
    (token, webhook): (&str, &str),
    (warm, count): (u64, u64),
) -> Vec<Measured> {
    let key = api.key(token, "Publisher").await;
    let path = format!("/api/webhooks/{webhook}");
    let read = |_| by(token, request("GET", &path));
    let read =
        measure((&mut api.webhooks, aws), "read a webhook with a token", (warm, count), read, is(200)).await;
    let publish = |n| {
        let body = json!({ "type": "invoice.paid", "data": { "n": n, "text": "x".repeat(900) } });
        by(&key, with(&body, request("POST", "/api/events")))
    };
    let publish =
        measure((&mut api.webhooks, aws), "publish 1 KB to one webhook", (warm, count), publish, is(202))
            .await;
    let order = order_type();
    let made = api.webhooks.invoke(&by(token, with(&order, request("POST", "/api/event-types")))).await.0;
    expect(201, &made);
    let item = json!({ "sku": "AB-1234", "name": "x".repeat(60), "price": 12.5, "tags": ["a", "b"] });
    let order = json!({ "type": "order.placed", "data": { "items": vec![item; 500] } });
    let order = by(&key, with(&order, request("POST", "/api/events")));
    let checked = |_| order.clone();
    let checked =
        measure((&mut api.webhooks, aws), "publish 59 KB with a schema", (warm, count / 4), checked, is(202));
    let checked = checked.await;
    vec![read, publish, checked]
}

/// A type whose data is checked: five hundred items of it are a thousand texts, half of them by a pattern.
fn order_type() -> Value {
    let item = json!({
        "type": "object",
        "required": ["sku", "price"],
        "additionalProperties": false,
        "properties": {
            "sku": { "type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$" },
            "name": { "type": "string", "maxLength": 100 },
            "price": { "type": "number", "minimum": 0 },
            "tags": { "type": "array", "items": { "enum": ["a", "b", "c"] } },
        },
    });
    let schema = json!({ "type": "object", "properties": { "items": { "type": "array", "items": item } } });
    json!({ "name": "order.placed", "schema": schema, "enforce": true })
}

/// Everything once, by processes of its own: the two floors, then the operations.
async fn round(counts: (u64, u64)) -> Vec<Measured> {
    let aws = Aws::start().await;
    let mut api = Api::start(&aws).await;
    let credentials = api.register("ada@example.com").await;
    let (token, org) = (text(&credentials["access_token"]), text(&credentials["organization"]["id"]));
    let webhook = make_webhook(&mut api, &token).await;
    let before = of_floors(&aws, counts, (&org, &webhook)).await;
    let mut operations = of_auth((&mut api, &aws), &credentials, counts).await;
    operations.extend(of_keys((&mut api, &aws), &token, counts).await);
    operations.extend(of_webhooks((&mut api, &aws), (&token, &webhook), counts).await);
    // Once more, in case the machine has become another meanwhile: a floor is the mean of both.
    let after = of_floors(&aws, counts, (&org, &webhook)).await;
    let floors = before.into_iter().zip(after).map(|(mut before, after)| {
        before.cpu = (before.cpu + after.cpu) / 2;
        before.wall.join(after.wall);
        before
    });
    floors.chain(operations).collect()
}

/// The bare function, and what a call of the SDK takes of it, as often as that.
fn bare(round: &[Measured], calls: f64) -> Duration {
    round[0].cpu + round[1].cpu.saturating_sub(round[0].cpu).mul_f64(calls)
}

/// One operation over all rounds. A process is faster or slower than another of the same binary, by where it lies in
/// memory: what counts is the median of the rounds.
struct Row {
    name: &'static str,
    cpu: Duration,
    calls: f64,
    /// To the bare function with as many calls, with none, and with one.
    ratios: [f64; 3],
    wall: Samples,
}

impl Row {
    fn of(rounds: &[Vec<Measured>], place: usize) -> Self {
        let (mut cpu, mut wall) = (Samples::default(), Samples::default());
        for round in rounds {
            cpu.add(round[place].cpu);
            wall.join(round[place].wall.clone());
        }
        let of_all = |figure: fn(&[Measured], &Measured) -> f64| {
            middle(rounds.iter().map(|round| figure(round, &round[place])).collect())
        };
        let ratios = [
            of_all(|round, one| times(one.cpu, bare(round, one.calls))),
            of_all(|round, one| times(one.cpu, bare(round, 0.0))),
            of_all(|round, one| times(one.cpu, bare(round, 1.0))),
        ];
        let (name, calls) = (rounds[0][place].name, of_all(|_, one| one.calls));
        Self { name, cpu: cpu.median(), calls, ratios, wall }
    }

    fn cells(&self) -> Vec<String> {
        let Self { name, cpu, calls, ratios: [many, none, one], wall } = self;
        let waited = |hundredths| wall.said(hundredths, ms);
        vec![
            (*name).to_owned(),
            us(*cpu),
            format!("{calls:.1}"),
            format!("{many:.2}×"),
            format!("{none:.2}×"),
            format!("{one:.2}×"),
            waited(50),
            waited(99),
        ]
    }
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let (count, mut rounds) = (setting("BENCH_CALLS", 400), Vec::new());
    for _ in 0..setting("BENCH_ROUNDS", 7).max(1) {
        rounds.push(round((50, count)).await);
    }
    let rows: Vec<Row> = (0..rounds[0].len()).map(|place| Row::of(&rounds, place)).collect();
    let ratios_of = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.ratios).unwrap();
    let ([_, health, _], [_, _, read], [_, _, verify]) = (
        ratios_of("health"),
        ratios_of("read a webhook with a token"),
        ratios_of("verify a key, each another"),
    );
    println!("{} rounds of {count} calls each; medians.\n", rounds.len());
    let heads = [
        "Call",
        "CPU, µs",
        "Calls of AWS",
        "to the bare function with as many",
        "to it with none",
        "to it with one",
        "p50, ms",
        "p99, ms",
    ];
    publish("warm", &heads, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    health <= HEALTH_MAX && read <= READ_MAX && verify <= VERIFY_MAX
}
