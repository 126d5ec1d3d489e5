//! The promise that nothing accepted is lost, tried under faults: see [`run`].

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};
use stack::Receiver;

use crate::account::{Account, MadeWebhook, PASSWORD};
use crate::app::App;
use crate::call::{Answer, Request};
use crate::faults::Plan;

/// What came of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Points between two calls that were passed while the plan held.
    pub points: usize,
    /// Those that were struck: calls that failed, or at which the function died, before or after they took effect.
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
            points: self.points + other.points,
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
/// and gets what it missed by a replay. The plan holds as in [`run`], also while the backlog drains and the
/// replay is asked for and runs.
pub async fn run_outage(plan: Plan) -> Tally {
    const EVENTS: usize = 9;
    let (app, ada, paused, first) = App::with_webhook().await;
    let away = app.receiver().await;
    let second = app.webhook(&ada, &away).await;
    let key = app.api_key(&ada, &["events:write"]).await;
    let switch = |verb| app.post(&format!("/api/webhooks/{}/{verb}", first.id), &ada.token, &json!({}));
    switch("pause").send().await.expect(200);
    away.otherwise(500);
    app.sweep().await;
    app.faults.begin(plan);
    let mut events = Vec::new();
    for n in 0..EVENTS {
        app.advance(1);
        events.push(publish(&app, &key, n).await);
        step(&app).await;
    }
    app.faults.pause();
    for _ in 0..4 {
        step(&app).await;
        app.advance(301);
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let switch =
        |verb, body: Value| app.post(&format!("/api/webhooks/{}/{verb}", first.id), &ada.token, &body);
    app.faults.go_on();
    insist(&app, || switch("resume", json!({}))).await.expect(200);
    let replay = || switch("replay", json!({ "what": "missing" })).header("idempotency-key", "replay");
    insist(&app, replay).await.expect(202);
    let failed = away.calls().len();
    away.otherwise(200);
    let receivers = [&paused, &away];
    run_on(&app, (40, 61), &events, receivers).await;
    app.faults.pause();
    run_on(&app, (16, 901), &events, receivers).await;
    let ada = sign_in(&app, ada).await;
    let tally = struck(&app);
    let of = |webhook, receiver, refusals| count(&app, &ada, &events, (webhook, receiver), refusals);
    tally.and(of(&first, &paused, 0).await).and(of(&second, &away, failed).await)
}

/// Events are published, delivered, retried, swept and buried while calls to table and queue fail, or functions
/// die at them, as the plan says. Then that ends and the system runs on for hours. Two webhooks subscribe, one of
/// which fails a few times.
pub async fn run(plan: Plan) -> Tally {
    let (app, ada, good, first) = App::with_webhook().await;
    let bad = app.receiver().await;
    for _ in 0..REFUSALS {
        bad.answer(500);
    }
    let second = app.webhook(&ada, &bad).await;
    let key = app.api_key(&ada, &["events:write"]).await;
    app.sweep().await;
    app.faults.begin(plan);
    let mut events = Vec::new();
    for n in 0..EVENTS {
        events.push(publish(&app, &key, n).await);
        step(&app).await;
    }
    run_on(&app, (12, 61), &events, [&good, &bad]).await;
    app.faults.pause();
    run_on(&app, (20, 900), &events, [&good, &bad]).await;
    let ada = sign_in(&app, ada).await;
    let tally = struck(&app);
    let of = |webhook, receiver, refusals| count(&app, &ada, &events, (webhook, receiver), refusals);
    tally.and(of(&first, &good, 0).await).and(of(&second, &bad, REFUSALS).await)
}

/// A tally of nothing but what the plan did.
fn struck(app: &App) -> Tally {
    Tally { points: app.faults.passed(), faults: app.faults.made(), ..Tally::default() }
}

/// They sign in again: on a machine that has much else to do the first call may take too long.
async fn sign_in(app: &App, account: Account) -> Account {
    let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = insist(app, || app.call(Method::POST, "/auth/login").json(&credentials)).await.expect(200);
    Account { token: answer["access_token"].as_str().unwrap().to_owned(), ..account }
}

/// A caller who repeats until it is accepted, under one key: the event's identifier.
async fn publish(app: &App, key: &str, n: usize) -> Option<String> {
    let body = json!({ "type": "a.b", "data": { "n": n } });
    let call = || app.call(Method::POST, "/api/events").bearer(key).json(&body);
    let answer = insist(app, || call().header("idempotency-key", &format!("event-{n}"))).await;
    (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
}

/// A caller who repeats a call that was not possible.
async fn insist(app: &App, call: impl Fn() -> Request) -> Answer {
    let mut answer = call().send().await;
    for _ in 0..20 {
        match answer.status.as_u16() {
            200..300 => break,
            // Longer than a request that stopped half way keeps others waiting.
            409 | 503 => app.advance(16),
            other => panic!("{other}: {}", answer.text),
        }
        answer = call().send().await;
    }
    answer
}

/// So many steps, each after so many seconds, or fewer if there is nothing left to do.
async fn run_on(
    app: &App,
    (steps, seconds): (usize, u64),
    events: &[Option<String>],
    receivers: [&Receiver; 2],
) {
    let accepted: BTreeSet<_> = events.iter().flatten().cloned().collect();
    let arrived = |receiver: &Receiver| {
        let calls = receiver.calls();
        let ids = calls.iter().filter_map(|call| call.header("webhook-id").map(str::to_owned));
        accepted.is_subset(&ids.collect())
    };
    for _ in 0..steps {
        step(app).await;
        app.advance(seconds);
        if app.messages().is_empty() && receivers.into_iter().all(arrived) {
            break;
        }
    }
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
