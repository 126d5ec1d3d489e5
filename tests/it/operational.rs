//! Operational events: what happens to an organisation's things, told to those of its webhooks that ask.

use http::Method;
use it::{Account, App};
use serde_json::{Value, json};
use stack::Receiver;

/// What the body of an event looks like within an item.
const EVENT: &str = r#"\"type\":\"api_key.created\""#;

async fn webhook_for(app: &App, account: &Account, receiver: &Receiver, event_types: &[&str]) {
    let body = json!({ "url": receiver.url(), "event_types": event_types });
    app.post("/api/webhooks", &account.token, &body).send().await.expect(201);
}

/// The bodies that a receiver was called with, the oldest first.
fn bodies(receiver: &Receiver) -> Vec<Value> {
    receiver.calls().iter().map(|call| serde_json::from_slice(&call.body).unwrap()).collect()
}

async fn key(app: &App, account: &Account) -> Value {
    let body = json!({ "name": "A key", "scopes": ["events:read"] });
    app.post("/api/api-keys", &account.token, &body).send().await.expect(201)
}

#[tokio::test]
async fn what_happens_to_keys_is_told_to_webhooks_that_name_it_and_to_no_others() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let (asks, everything, other, foreign) =
        (app.receiver().await, app.receiver().await, app.receiver().await, app.receiver().await);
    webhook_for(&app, &ada, &asks, &["api_key.*"]).await;
    webhook_for(&app, &ada, &everything, &[]).await;
    webhook_for(&app, &ada, &other, &["api_key.used"]).await;
    webhook_for(&app, &eve, &foreign, &["api_key.*"]).await;

    let made = key(&app, &ada).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let path = format!("/api/api-keys/{id}");
    let rotated = app.post(&format!("{path}/rotate"), &ada.token, &json!({})).send().await.expect(200);
    app.call(Method::DELETE, &path).bearer(&ada.token).send().await.expect(204);
    let leaked = key(&app, &ada).await;
    let report = json!({ "key": leaked["key"] });
    app.call(Method::POST, "/api/api-keys/report-leak").json(&report).send().await.expect(202);
    app.drain().await;

    let told = bodies(&asks);
    let kinds: Vec<_> = told.iter().map(|body| body["type"].as_str().unwrap()).collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        ["api_key.created", "api_key.created", "api_key.leaked", "api_key.revoked", "api_key.rotated"]
    );
    let of = |kind: &str| told.iter().find(|body| body["type"] == kind).unwrap();
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    let created = told.iter().find(|body| body["type"] == "api_key.created" && body["data"]["id"] == id);
    assert_eq!(created.unwrap()["data"], shown);
    assert_eq!(
        of("api_key.rotated")["data"],
        json!({ "id": id, "previous_expires_at": rotated["previous_expires_at"] })
    );
    assert_eq!(of("api_key.revoked")["data"], json!({ "id": id, "revoked_at": "2026-01-01T00:00:00.000Z" }));
    assert_eq!(of("api_key.leaked")["data"]["id"], leaked["id"]);
    let all = Value::from(told).to_string();
    for text in [secret, rotated["key"].as_str().unwrap()] {
        assert!(!all.contains(text.split('_').nth(3).unwrap()), "a secret was told");
    }
    for silent in [&everything, &other, &foreign] {
        assert_eq!(bodies(silent), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn where_no_webhook_asks_nothing_is_written_for_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    key(&app, &ada).await;
    assert!(!app.dump().await.contains(EVENT), "an event was written");
    assert!(app.messages().is_empty());
}

#[tokio::test]
async fn a_queue_that_does_not_answer_keeps_nobody_from_making_a_key() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    webhook_for(&app, &ada, &receiver, &["api_key.created"]).await;
    app.queue_is_down_for(9);
    let made = key(&app, &ada).await;
    assert!(app.messages().is_empty());
    let dump = app.dump().await;
    let event = dump.lines().find(|item| item.contains(EVENT)).unwrap();
    assert!(event.contains(made["id"].as_str().unwrap()), "the event waits in the table: {event}");
}

#[tokio::test]
async fn nobody_else_publishes_events_of_these_types() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "type": "api_key.revoked", "data": {} });
    let answer = app.post("/api/events", &ada.token, &body).send().await;
    assert_eq!(answer.field_problems(), [("/type".to_owned(), "reserved_event_type".to_owned())]);
}

#[tokio::test]
async fn a_delivery_that_keeps_failing_is_told_to_others_at_the_fourth_attempt_and_at_the_last() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (broken, watch) = (app.receiver().await, app.receiver().await);
    broken.otherwise(500);
    let body = json!({ "url": broken.url(), "event_types": ["a.b", "delivery.*"], "retry_schedule_seconds": [1, 1, 1, 1] });
    let webhook = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    webhook_for(&app, &ada, &watch, &["delivery.*"]).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    for _ in 0..6 {
        app.drain().await;
        app.advance(2);
    }
    let told: Vec<_> =
        bodies(&watch).iter().map(|body| (body["type"].clone(), body["data"]["attempts"].clone())).collect();
    assert_eq!(told, [(json!("delivery.failing"), json!(4)), (json!("delivery.exhausted"), json!(5))]);
    let last = &bodies(&watch)[1]["data"];
    assert_eq!(
        (&last["webhook_id"], &last["event_id"], &last["event_type"], &last["error"]),
        (&webhook["id"], &json!(event), &json!("a.b"), &json!("The receiver answered 500."))
    );
    assert!(bodies(&broken).iter().all(|body| body["type"] == "a.b"), "it hears of itself by what fails");
}

#[tokio::test]
async fn two_broken_webhooks_do_not_tell_each_other_for_ever() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (one, other) = (app.receiver().await, app.receiver().await);
    for receiver in [&one, &other] {
        receiver.otherwise(500);
        let types = ["a.b", "delivery.*"];
        let body = json!({ "url": receiver.url(), "event_types": types, "retry_schedule_seconds": [] });
        app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    }
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.drain().await;
    assert!(app.messages().is_empty());
    assert_eq!(
        (one.calls().len(), other.calls().len()),
        (2, 2),
        "the event, and once that it failed elsewhere"
    );
}

#[tokio::test]
async fn what_happens_to_webhooks_is_told_and_a_410_with_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (watch, gone) = (app.receiver().await, app.receiver().await);
    webhook_for(&app, &ada, &watch, &["webhook.*"]).await;
    webhook_for(&app, &ada, &gone, &["a.b"]).await;
    gone.answer(410);
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.drain().await;
    let kinds: Vec<_> = bodies(&watch).iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["webhook.created", "webhook.disabled"]);
}
