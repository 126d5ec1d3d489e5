//! Whether an operation costs more because there is more of what it does not touch: processor time of the function, and
//! bytes that the table answers with, which no machine changes.

use std::time::Duration;

use serde_json::{Value, json};

use shared::entropy::Entropy;
use shared::event::Event;
use shared::id::EventId;

use super::api::{Api, text};
use super::functions::{by, expect, from, request, with};
use super::plot::{self, Line};
use super::table::{is_written, publish, times, us};
use super::{Aws, is_built};
use crate::figures::setting;

/// How often each is measured.
const CALLS: u32 = 100;
/// Of the bytes with most of it, to those with least: identifiers and numbers get longer.
const BYTES_MAX: f64 = 1.1;

/// What one operation cost.
#[derive(Clone)]
struct Cost {
    operation: &'static str,
    cpu: Duration,
    bytes: u64,
}

/// Somebody with a webhook, a key and an event.
struct Ada {
    email: &'static str,
    token: String,
    key: String,
    org: String,
    webhook: String,
    event: String,
}

async fn ada(api: &mut Api) -> Ada {
    let email = "ada@example.com";
    let registered = api.register(email).await;
    let (token, org) = (text(&registered["access_token"]), text(&registered["organization"]["id"]));
    let key = api.key(&token, "Publisher").await;
    let webhook = add_webhook(api, &token, "invoice.paid").await;
    let event = add_event(api, &key).await;
    Ada { email, token, key, org, webhook, event }
}

async fn add_webhook(api: &mut Api, token: &str, event_type: &str) -> String {
    let body = json!({ "url": "https://receiver.example.com/hook", "event_types": [event_type] });
    let made = api.webhooks.invoke(&by(token, with(&body, request("POST", "/api/webhooks")))).await.0;
    text(&expect(201, &made)["id"])
}

fn event() -> Value {
    json!({ "type": "invoice.paid", "data": { "text": "x".repeat(200) } })
}

async fn add_event(api: &mut Api, key: &str) -> String {
    let made = api.webhooks.invoke(&by(key, with(&event(), request("POST", "/api/events")))).await.0;
    text(&expect(202, &made)["id"])
}

/// What each operation costs now.
async fn costs(aws: &Aws, api: &mut Api, ada: &Ada, mut address: u64) -> Vec<Cost> {
    let credentials = json!({ "email": ada.email, "password": it::PASSWORD });
    let calls = [
        ("log in", 200, with(&credentials, request("POST", "/auth/login"))),
        ("who am I", 200, by(&ada.token, request("GET", "/auth/me"))),
        (
            "verify a key",
            200,
            by(&ada.key, with(&json!({ "key": ada.key }), request("POST", "/api/api-keys/verify"))),
        ),
        ("read a webhook", 200, by(&ada.token, request("GET", &format!("/api/webhooks/{}", ada.webhook)))),
        ("publish", 202, by(&ada.key, with(&event(), request("POST", "/api/events")))),
        ("read an event", 200, by(&ada.token, request("GET", &format!("/api/events/{}", ada.event)))),
        ("list events", 200, by(&ada.token, request("GET", "/api/events?limit=20"))),
    ];
    let mut costs = Vec::new();
    for (operation, status, call) in calls {
        let process = match operation {
            "log in" | "who am I" => &mut api.auth,
            "verify a key" => &mut api.keys,
            _ => &mut api.webhooks,
        };
        // No address is to be over the limit of logins.
        let mut next = || {
            address += 1;
            from(address, call.clone())
        };
        for _ in 0..5 {
            expect(status, &process.invoke(&next()).await.0);
        }
        let (cpu, bytes) = (process.cpu().await, aws.dynamodb.answered());
        for _ in 0..CALLS {
            expect(status, &process.invoke(&next()).await.0);
        }
        let cpu = process.cpu().await.saturating_sub(cpu) / CALLS;
        costs.push(Cost { operation, cpu, bytes: (aws.dynamodb.answered() - bytes) / u64::from(CALLS) });
    }
    costs
}

/// What there gets more of.
#[derive(Clone, Copy)]
enum Axis {
    Webhooks,
    Events,
    Organizations,
}

impl Axis {
    fn of(self) -> (&'static str, &'static str, [u64; 3]) {
        let most = |name, or| setting(name, or);
        match self {
            Self::Webhooks => ("growth-webhooks", "webhooks of the organisation", [1, 30, 1000]),
            Self::Events => {
                ("growth-events", "events in its log", [10, 1000, most("BENCH_EVENTS_MAX", 1_000_000)])
            }
            Self::Organizations => {
                ("growth-organizations", "organisations", [1, 100, most("BENCH_ORGANIZATIONS_MAX", 10_000)])
            }
        }
    }

    /// Adds those of these numbers.
    async fn add(self, aws: &Aws, api: &mut Api, ada: &Ada, numbers: std::ops::Range<u64>) {
        match self {
            Self::Webhooks => {
                for _ in numbers {
                    add_webhook(api, &ada.token, "another.type").await;
                }
                // A list of webhooks that has just changed is not kept yet (ADR 0025).
                tokio::time::sleep(Duration::from_secs(61)).await;
            }
            Self::Events => add_events(aws, ada, numbers).await,
            Self::Organizations => {
                for number in numbers {
                    api.register(&format!("n{number}@example.com")).await;
                }
            }
        }
    }
}

/// Events like that of `ada`, over the time that events are kept, straight into the table: a million through the API
/// would take half an hour.
async fn add_events(aws: &Aws, ada: &Ada, numbers: std::ops::Range<u64>) {
    const TOGETHER: usize = 100;
    /// A day less than events are kept, so that none is forgotten meanwhile.
    const OVER: Duration = Duration::from_hours(29 * 24);
    let (table, entropy) = (it::table(&aws.services), Entropy::system());
    let now = shared::clock::Clock::system().now();
    let (org, id) = (ada.org.parse().unwrap(), ada.event.parse().unwrap());
    let like = table.event(org, id, now).await.unwrap().unwrap();
    let count = numbers.end - numbers.start;
    let apart = OVER / u32::try_from(count).unwrap();
    let events = (0..u32::try_from(count).unwrap()).map(|number| {
        let id = EventId::new(now.minus(apart * number), &entropy).unwrap();
        Event { id, ..like.clone() }
    });
    let events: Vec<_> = events.collect();
    for some in events.chunks(TOGETHER) {
        let put = some.iter().try_fold(table.transaction(), shared::table::Transaction::put_event);
        put.unwrap().commit().await.unwrap().unwrap();
    }
}

async fn along(axis: Axis) -> bool {
    let (name, of, sizes) = axis.of();
    let aws = Aws::start().await;
    let mut api = Api::start(&aws).await;
    let ada = ada(&mut api).await;
    let (mut there, mut all) = (1, Vec::new());
    for size in sizes {
        if there < size {
            axis.add(&aws, &mut api, &ada, there..size).await;
            there = size;
        }
        all.push(costs(&aws, &mut api, &ada, 20_000 * (all.len() as u64 + 1)).await);
    }
    let (mut rows, mut flat) = (Vec::new(), true);
    for (n, least) in all[0].iter().enumerate() {
        let most = &all[all.len() - 1][n];
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let ratio = most.bytes as f64 / least.bytes.max(1) as f64;
        flat &= ratio <= BYTES_MAX;
        let mut row = vec![least.operation.to_owned()];
        row.extend(all.iter().map(|costs| format!("{} B, {} µs", costs[n].bytes, us(costs[n].cpu))));
        row.push(format!("{ratio:.2}×, {:.2}×", times(most.cpu, least.cpu)));
        rows.push(row);
    }
    let heads = sizes.map(|size| format!("{size} {of}"));
    let heads = [&["Call"], heads.each_ref().map(String::as_str).as_slice(), &["most to least"]].concat();
    publish(name, &heads, &rows);
    if is_written() {
        let line = |n: usize, operation: &str| Line {
            name: operation.to_owned(),
            values: all.iter().map(|costs: &Vec<Cost>| costs[n].cpu.as_secs_f64() * 1e6).collect(),
        };
        let lines: Vec<_> = all[0].iter().enumerate().map(|(n, cost)| line(n, cost.operation)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let sizes = sizes.map(|size| size as f64);
        let svg = plot::svg("Processor time of one call", (of, &sizes), "µs", &lines);
        std::fs::write(it::repository().join(format!("docs/{name}.svg")), svg).unwrap();
    }
    flat
}

pub(crate) async fn run() -> bool {
    if !is_built() {
        return false;
    }
    let mut flat = true;
    for axis in [Axis::Webhooks, Axis::Events, Axis::Organizations] {
        flat &= along(axis).await;
    }
    flat
}
