//! `POST /api/webhooks/{id}/replay`, `GET /api/replays/{id}` and `POST /api/replays/{id}/cancel`.

use std::collections::BTreeMap;
use std::time::Duration;

use it::{Account, App, MadeWebhook};
use serde_json::{Value, json};
use stack::Receiver;

const EMAIL: &str = "ada@example.com";

async fn start(app: &App, ada: &Account, webhook: &str, body: &Value) -> Value {
    app.post(&format!("/api/webhooks/{webhook}/replay"), &ada.token, body).send().await.expect(202)
}

async fn read(app: &App, ada: &Account, replay: &Value) -> Value {
    let path = format!("/api/replays/{}", replay["id"].as_str().unwrap());
    app.get(&path, &ada.token).send().await.expect(200)
}

/// Lets everything happen that is due within so many seconds.
async fn pass(app: &App, seconds: u64) {
    for _ in 0..seconds {
        app.advance(1);
        app.drain().await;
    }
}

async fn publish(app: &App, ada: &Account, kind: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        app.hands.advance(Duration::from_millis(1));
        ids.push(app.publish(ada, kind, &json!({ "n": n })).await);
    }
    app.drain().await;
    ids
}

/// How often each event came.
fn calls(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in receiver.calls() {
        *calls.entry(call.header("webhook-id").unwrap().to_owned()).or_default() += 1;
    }
    calls
}

/// A webhook that was paused while events came, and an event from before it was there.
async fn with_gap() -> (App, Account, Receiver, MadeWebhook, Vec<String>) {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let receiver = app.receiver().await;
    let mut missing = publish(&app, &ada, "a.early", 2).await;
    app.advance(1);
    let webhook = app.webhook(&ada, &receiver).await;
    publish(&app, &ada, "a.b", 3).await;
    let switch = |verb| app.post(&format!("/api/webhooks/{}/{verb}", webhook.id), &ada.token, &json!({}));
    switch("pause").send().await.expect(200);
    missing.extend(publish(&app, &ada, "a.b", 4).await);
    switch("resume").send().await.expect(200);
    assert_eq!(receiver.calls().len(), 3);
    (app, ada, receiver, webhook, missing)
}

#[tokio::test]
async fn a_dry_run_counts_and_the_replay_sends_what_was_counted_once() {
    let (app, ada, receiver, webhook, missing) = with_gap().await;
    app.advance(1);
    let dry = start(&app, &ada, &webhook.id, &json!({ "what": "missing", "dry_run": true })).await;
    pass(&app, 3).await;
    let dry = read(&app, &ada, &dry).await;
    assert_eq!(
        (&dry["status"], &dry["examined"], &dry["matched"], &dry["dry_run"]),
        (&json!("done"), &json!(9), &json!(6), &json!(true))
    );
    assert_eq!(receiver.calls().len(), 3, "nothing is sent");

    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "missing" })).await;
    pass(&app, 5).await;
    let done = read(&app, &ada, &replay).await;
    assert_eq!((&done["status"], &done["matched"]), (&json!("done"), &json!(6)));
    let calls = calls(&receiver);
    assert_eq!(missing.iter().map(|id| calls[id]).collect::<Vec<_>>(), [1; 6]);
    assert_eq!(receiver.calls().len(), 9);
    for id in &missing {
        assert_eq!(app.delivery(&ada, id, &webhook.id).await["status"], "delivered");
        let listed = app.get(&format!("/api/events/{id}/deliveries"), &ada.token).send().await.expect(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    }
    let again = start(&app, &ada, &webhook.id, &json!({ "what": "missing" })).await;
    pass(&app, 3).await;
    assert_eq!(read(&app, &ada, &again).await["matched"], 0);
}

#[tokio::test]
async fn what_came_by_a_replay_alone_stays_in_the_event_s_list_when_its_webhook_is_gone() {
    let (app, ada, _receiver, webhook, missing) = with_gap().await;
    app.advance(1);
    start(&app, &ada, &webhook.id, &json!({ "what": "missing" })).await;
    pass(&app, 5).await;
    let gone = app.call(http::Method::DELETE, &format!("/api/webhooks/{}", webhook.id)).bearer(&ada.token);
    assert_eq!(gone.send().await.status, 204);
    let early = format!("/api/events/{}", missing[0]);
    let shown = app.get(&early, &ada.token).send().await.expect(200);
    let counts = json!({ "pending": 0, "parked": 0, "delivered": 1, "exhausted": 0, "skipped": 0, "failed_internally": 0 });
    assert_eq!(shown["deliveries"], counts);
    let listed = app.get(&format!("{early}/deliveries"), &ada.token).send().await.expect(200);
    assert_eq!(listed["data"][0]["webhook_id"], webhook.id);
}

#[tokio::test]
async fn an_event_is_read_without_the_webhooks_that_it_has_nothing_to_do_with() {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let receiver = app.receiver().await;
    for _ in 0..3 {
        app.webhook(&ada, &receiver).await;
    }
    app.charged();
    app.get(&format!("/api/events/{event}"), &ada.token).send().await.expect(200);
    let read = |call: &str| (call.to_owned(), it::Units { reads: 1, writes: 0 });
    assert_eq!(app.charged(), [read("GetItem"), read("Query")], "the event, and who got it by a replay");
}

#[tokio::test]
async fn time_and_types_bound_a_replay() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let mut of_type = Vec::new();
    for kind in ["a.x", "a.y", "b.x"] {
        app.advance(10);
        of_type.push(publish(&app, &ada, kind, 2).await);
    }
    app.advance(1);
    let body = json!({ "what": "all", "types": ["a.*"], "since": "2026-01-01T00:00:15.000Z" });
    let replay = start(&app, &ada, &webhook.id, &body).await;
    pass(&app, 3).await;
    assert_eq!(read(&app, &ada, &replay).await["matched"], 2);
    let calls = calls(&receiver);
    let counts: Vec<_> = of_type.iter().flatten().map(|id| calls[id]).collect();
    assert_eq!(counts, [1, 1, 2, 2, 1, 1]);
}

#[tokio::test]
async fn a_replay_of_what_failed_takes_what_was_given_up_and_nothing_else() {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "retry_schedule_seconds": [] });
    let webhook = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let webhook = webhook["id"].as_str().unwrap().to_owned();
    receiver.answer(500);
    receiver.answer(500);
    publish(&app, &ada, "a.b", 4).await;
    app.advance(1);
    let replay = start(&app, &ada, &webhook, &json!({ "what": "failed" })).await;
    pass(&app, 3).await;
    let replay = read(&app, &ada, &replay).await;
    assert_eq!((&replay["matched"], &replay["examined"]), (&json!(2), &json!(4)));
    assert_eq!(receiver.calls().len(), 6);
}

#[tokio::test]
async fn every_page_is_sent_once_at_its_rate_also_when_the_dispatcher_dies_in_it() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let ids = publish(&app, &ada, "a.b", 230).await;
    app.advance(1);
    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "all", "rate": 100 })).await;
    // It has made deliveries due, and then the queue is away.
    app.queue_is_down_for(3);
    let batch = app.receive();
    assert_eq!(app.dispatch(&batch).await, [batch[0].id.clone()]);
    app.queue_is_down_for(0);
    for _ in 0..6 {
        app.advance(240);
        app.drain().await;
        app.sweep().await;
    }
    let ada = app.sign_in(&ada, EMAIL).await;
    let replay = read(&app, &ada, &replay).await;
    assert_eq!((&replay["status"], &replay["matched"]), (&json!("done"), &json!(230)));
    pass(&app, 1).await;
    let calls = calls(&receiver);
    let odd: Vec<_> = ids.iter().filter(|id| calls[*id] != 2).collect();
    assert_eq!(odd, Vec::<&String>::new(), "each came once when it was published, and once again");
}

#[tokio::test]
async fn a_cancelled_replay_sends_no_more_and_ends_once() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    publish(&app, &ada, "a.b", 120).await;
    app.advance(1);
    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "all", "rate": 1 })).await;
    pass(&app, 3).await;
    let cancel = || {
        let path = format!("/api/replays/{}/cancel", replay["id"].as_str().unwrap());
        app.post(&path, &ada.token, &json!({}))
    };
    let cancelled = cancel().send().await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["matched"]), (&json!("cancelled"), &json!(100)));
    assert_eq!(cancel().send().await.problem(409), "conflict");
    pass(&app, 200).await;
    assert_eq!(receiver.calls().len(), 220, "the first page was on its way");
}

#[tokio::test]
async fn a_replay_waits_for_a_receiver_that_fails_and_ends_with_a_webhook_that_is_off() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.otherwise(500);
    publish(&app, &ada, "a.b", 6).await;
    publish(&app, &ada, "a.b", 2).await;
    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "all" })).await;
    pass(&app, 2).await;
    let waiting = read(&app, &ada, &replay).await;
    assert_eq!((&waiting["status"], &waiting["examined"]), (&json!("running"), &json!(0)));
    app.post(&format!("/api/webhooks/{}/pause", webhook.id), &ada.token, &json!({})).send().await.expect(200);
    pass(&app, 300).await;
    assert_eq!(read(&app, &ada, &replay).await["status"], "cancelled");
    let path = format!("/api/webhooks/{}/replay", webhook.id);
    let refused = app.post(&path, &ada.token, &json!({ "what": "all" })).send().await;
    assert_eq!(refused.problem(409), "conflict");
}

#[tokio::test]
async fn one_key_starts_one_replay_and_wrong_fields_are_named() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let path = format!("/api/webhooks/{}/replay", webhook.id);
    let start = || {
        let call = app.post(&path, &ada.token, &json!({ "what": "all", "dry_run": true }));
        call.header("idempotency-key", "one")
    };
    let first = start().send().await.expect(202);
    assert_eq!(start().send().await.expect(202)["id"], first["id"]);
    let body = json!({ "what": "some", "since": "2026-01-02T00:00:00.000Z", "until": "2026-01-01T00:00:00.000Z",
        "types": ["*"], "dry_run": 1, "rate": 0 });
    let wrong = app.post(&path, &ada.token, &body).send().await;
    let mut problems = wrong.field_problems();
    problems.sort_unstable();
    let named = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(
        problems,
        [
            named("/dry_run", "wrong_type"),
            named("/rate", "out_of_range"),
            named("/types/0", "invalid_event_type"),
            named("/until", "out_of_range"),
            named("/what", "unknown_value"),
        ]
    );
}

#[tokio::test]
async fn a_replay_of_another_organisation_is_not_there() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "all" })).await;
    let path = format!("/api/replays/{}", replay["id"].as_str().unwrap());
    assert_eq!(app.get(&path, &eve.token).send().await.problem(404), "not_found");
    let cancel = app.post(&format!("{path}/cancel"), &eve.token, &json!({}));
    assert_eq!(cancel.send().await.problem(404), "not_found");
    let path = format!("/api/webhooks/{}/replay", webhook.id);
    assert_eq!(app.post(&path, &eve.token, &json!({ "what": "all" })).send().await.problem(404), "not_found");
}

#[tokio::test]
async fn a_replay_that_begins_where_events_are_forgotten_meanwhile_comes_to_its_end() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    publish(&app, &ada, "a.b", 2).await;
    app.advance(29 * 24 * 3600);
    let ada = app.sign_in(&ada, EMAIL).await;
    let replay = start(&app, &ada, &webhook.id, &json!({ "what": "all" })).await;
    // Its first turn comes two days later: the day that it begins with is not kept any more.
    app.advance(2 * 24 * 3600);
    pass(&app, 3).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    let done = read(&app, &ada, &replay).await;
    assert_eq!((&done["status"], &done["matched"]), (&json!("done"), &json!(0)));
    assert_eq!(receiver.calls().len(), 2);
}
