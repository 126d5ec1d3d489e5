//! The promise that nothing accepted is lost, tried under faults: see [`run`].

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use stack::Receiver;

use crate::account::{Account, MadeWebhook};
use crate::app::App;

/// What came of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that failed, before or after they took effect.
    pub faults: usize,
    /// Deliveries of accepted events that arrived.
    pub delivered: usize,
    /// Those that are visibly not: failed on us, or exhausted.
    pub told: usize,
    /// Those of which neither is so: the promise is broken.
    pub lost: usize,
    /// Calls beyond one success for each delivery, and beyond the failures that the receiver made.
    pub repeated: usize,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            faults: self.faults + other.faults,
            delivered: self.delivered + other.delivered,
            told: self.told + other.told,
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
        }
    }
}

const EVENTS: usize = 4;
/// Failures that the second receiver makes, over all events.
const REFUSALS: usize = 3;
/// What the queue's redrive policy says.
const RECEIVES_MAX: u32 = 5;

/// A receiver that is away for a while, so that its deliveries are parked and drain; the other one was paused,
/// and gets what it missed by a replay. Calls fail as in [`run`], also while the backlog drains and the replay
/// runs.
pub async fn run_outage(seed: u64, per_mille: u64) -> Tally {
    const EVENTS: usize = 9;
    let (app, ada, paused, first) = App::with_webhook().await;
    let away = app.receiver().await;
    let second = app.webhook(&ada, &away).await;
    let key = app.api_key(&ada, &["events:write"]).await;
    let switch = |verb| app.post(&format!("/api/webhooks/{}/{verb}", first.id), &ada.token, &json!({}));
    switch("pause").send().await.expect(200);
    away.otherwise(500);
    app.sweep().await;
    app.faults.begin(seed, per_mille);
    let mut events = Vec::new();
    for n in 0..EVENTS {
        app.advance(1);
        events.push(publish(&app, &key, n).await);
        step(&app).await;
    }
    let faults = app.faults.end();
    for _ in 0..4 {
        step(&app).await;
        app.advance(301);
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let switch =
        |verb, body: Value| app.post(&format!("/api/webhooks/{}/{verb}", first.id), &ada.token, &body);
    switch("resume", json!({})).send().await.expect(200);
    switch("replay", json!({ "what": "missing" })).send().await.expect(202);
    let failed = away.calls().len();
    away.otherwise(200);
    app.faults.begin(seed.wrapping_add(1_000_000), per_mille);
    for _ in 0..40 {
        step(&app).await;
        app.advance(61);
    }
    let faults = faults + app.faults.end();
    for _ in 0..16 {
        step(&app).await;
        app.advance(901);
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let tally = Tally { faults, ..Tally::default() };
    let of = |webhook, receiver, refusals| count(&app, &ada, &events, (webhook, receiver), refusals);
    tally.and(of(&first, &paused, 0).await).and(of(&second, &away, failed).await)
}

/// Events are published, delivered, retried, swept and buried while calls to table and queue fail by `seed`:
/// so many of a thousand. Then the faults end and the system runs on for hours. Two webhooks subscribe, one
/// of which fails a few times.
pub async fn run(seed: u64, per_mille: u64) -> Tally {
    let (app, ada, good, first) = App::with_webhook().await;
    let bad = app.receiver().await;
    for _ in 0..REFUSALS {
        bad.answer(500);
    }
    let second = app.webhook(&ada, &bad).await;
    let key = app.api_key(&ada, &["events:write"]).await;
    app.sweep().await;
    app.faults.begin(seed, per_mille);
    let mut events = Vec::new();
    for n in 0..EVENTS {
        events.push(publish(&app, &key, n).await);
        step(&app).await;
    }
    for _ in 0..12 {
        step(&app).await;
        app.advance(61);
    }
    let faults = app.faults.end();
    for _ in 0..20 {
        step(&app).await;
        app.advance(900);
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let tally = Tally { faults, ..Tally::default() };
    let of = |webhook, receiver, refusals| count(&app, &ada, &events, (webhook, receiver), refusals);
    tally.and(of(&first, &good, 0).await).and(of(&second, &bad, REFUSALS).await)
}

/// A caller who repeats until it is accepted, under one key. Its number if it was never accepted.
async fn publish(app: &App, key: &str, n: usize) -> Option<String> {
    let body = json!({ "type": "a.b", "data": { "n": n } });
    for _ in 0..20 {
        let call = app.call(Method::POST, "/api/events").bearer(key).json(&body);
        let answer = call.header("idempotency-key", &format!("event-{n}")).send().await;
        match answer.status.as_u16() {
            202 => return answer.json()["id"].as_str().map(str::to_owned),
            // Longer than a request that stopped half way keeps others waiting.
            409 | 503 => app.advance(16),
            other => panic!("{other}: {}", answer.text),
        }
    }
    None
}

/// What Lambda does in a while: batches to the dispatcher, the schedule and dead letters to the sweeper.
async fn step(app: &App) {
    for _ in 0..8 {
        let batch = app.receive();
        let (letters, batch): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|message| message.receive_count > RECEIVES_MAX);
        if letters.is_empty() && batch.is_empty() {
            break;
        }
        app.dispatch(&batch).await;
        for letter in &letters {
            while app.bury(std::slice::from_ref(letter)).await["batchItemFailures"] != json!([]) {}
        }
    }
    // What it could not do now, the next one does.
    let _ = app.sweep_result().await;
}

async fn count(
    app: &App,
    ada: &Account,
    events: &[Option<String>],
    (webhook, receiver): (&MadeWebhook, &Receiver),
    refusals: usize,
) -> Tally {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in receiver.calls() {
        *calls.entry(call.header("webhook-id").unwrap_or_default().to_owned()).or_default() += 1;
    }
    let mut tally = Tally::default();
    for event in events.iter().flatten() {
        let delivery: Value = app.delivery(ada, event, &webhook.id).await;
        let called = calls.contains_key(event);
        match delivery["status"].as_str() {
            Some("delivered") if called => tally.delivered += 1,
            Some("failed_internally" | "exhausted") => tally.told += 1,
            _ => tally.lost += 1,
        }
    }
    // Some of the first failures may have gone to one event; each is a call that was not a repetition.
    let all: usize = calls.values().sum();
    tally.repeated = all.saturating_sub(calls.len() + refusals);
    tally
}
