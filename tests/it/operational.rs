//! Operational events: what happens to an organisation's things, told to those of its webhooks that ask.

use http::Method;
use it::{Account, App, PASSWORD};
use serde_json::{Value, json};
use stack::Receiver;

use crate::membership::{accept, change, invite, remove, switched, token, verified};

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

/// What a receiver was told, in the order of the events: type and data.
fn told(receiver: &Receiver) -> Vec<(String, Value)> {
    let mut bodies = bodies(receiver);
    bodies.sort_by_key(|body| body["timestamp"].as_str().unwrap().to_owned());
    bodies.iter().map(|body| (body["type"].as_str().unwrap().to_owned(), body["data"].clone())).collect()
}

fn event(kind: &str, data: Value) -> (String, Value) {
    (kind.to_owned(), data)
}

#[tokio::test]
async fn who_comes_changes_and_goes_is_told_and_so_is_what_the_organisation_is_called() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let watch = app.receiver().await;
    webhook_for(&app, &ada, &watch, &["member.*", "organization.*"]).await;
    let path = format!("/api/organizations/{}", ada.org);

    app.advance(1);
    let rename = app.call(Method::PATCH, &path).bearer(&ada.token).json(&json!({ "name": "Engines" }));
    rename.send().await.expect(200);
    app.advance(1);
    let modules = app.call(Method::PUT, &format!("{path}/modules")).bearer(&ada.token);
    modules.json(&json!({ "modules": ["webhooks"] })).send().await.expect(200);
    app.advance(1);
    let invitation = invite(&app, &ada, "bob@example.com", "member").await;
    app.advance(1);
    accept(&app, &bob, &invitation).send().await.expect(200);
    app.advance(1);
    change(&app, &ada, &bob.user, "admin").await.expect(200);
    app.advance(1);
    let bob = switched(&app, &bob, &ada.org).await;
    remove(&app, &bob, &bob.user).await.expect(204);
    app.advance(1);
    let invitation = invite(&app, &ada, "eve@example.com", "viewer").await;
    app.advance(1);
    let body = json!({ "email": "eve@example.com", "password": PASSWORD, "invitation_token": invitation });
    let eve = app.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
    app.advance(1);
    let delete = app.call(Method::DELETE, "/auth/me").bearer(eve["access_token"].as_str().unwrap());
    delete.json(&json!({ "password": PASSWORD })).send().await.expect(204);
    app.drain().await;

    let (told, eve) = (told(&watch), eve["user"]["id"].clone());
    let invitations: Vec<_> = [2, 6].iter().map(|place| told[*place].1["invitation_id"].clone()).collect();
    let of = |modules: Value| json!({ "id": ada.org, "name": "Engines", "modules": modules });
    assert_eq!(
        told,
        [
            event("organization.updated", of(json!(["api_keys", "audit", "webhooks"]))),
            event("organization.updated", of(json!(["webhooks"]))),
            event("member.invited", json!({ "invitation_id": invitations[0], "role": "member" })),
            event(
                "member.added",
                json!({ "user_id": bob.user, "role": "member", "invitation_id": invitations[0] })
            ),
            event(
                "member.updated",
                json!({ "user_id": bob.user, "role": "admin", "previous_role": "member" })
            ),
            event("member.removed", json!({ "user_id": bob.user, "role": "admin" })),
            event("member.invited", json!({ "invitation_id": invitations[1], "role": "viewer" })),
            event(
                "member.added",
                json!({ "user_id": eve, "role": "viewer", "invitation_id": invitations[1] })
            ),
            event("member.removed", json!({ "user_id": eve, "role": "viewer" })),
        ]
    );
}

#[tokio::test]
async fn domains_and_those_who_come_by_them_are_told() {
    let app = App::verifying().await;
    let ada = verified(&app, "ada@acme.example").await;
    let watch = app.receiver().await;
    webhook_for(&app, &ada, &watch, &["member.*", "organization.*"]).await;
    let path = format!("/api/organizations/{}", ada.org);
    let domain = |join: &str| json!({ "domain": "acme.example", "join": join });
    let mut joined = Vec::new();
    for (join, email) in [("automatic", "bob@acme.example"), ("request", "eve@acme.example")] {
        app.advance(1);
        let made = app.post(&format!("{path}/domains"), &ada.token, &domain(join)).send().await.expect(201);
        app.names.add_txt(made["record_name"].as_str().unwrap(), made["record_value"].as_str().unwrap());
        let verify = app.post(&format!("{path}/domains/acme.example/verify"), &ada.token, &json!({}));
        verify.send().await.expect(200);
        app.advance(1);
        let body = json!({ "email": email, "password": PASSWORD, "join": true });
        app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
        let link = json!({ "token": token(&app.deliver_mails().await[0]) });
        app.call(Method::POST, "/auth/email/verify").json(&link).send().await.expect(200);
        joined.push(app.core.table.login(&email.parse().unwrap()).await.unwrap().unwrap().user.to_string());
        app.advance(1);
        let gone = app.call(Method::DELETE, &format!("{path}/domains/acme.example")).bearer(&ada.token);
        gone.send().await.expect(204);
    }
    app.advance(1);
    change(&app, &ada, &joined[1], "viewer").await.expect(200);
    app.drain().await;

    let of = json!({ "id": ada.org, "domain": "acme.example" });
    assert_eq!(
        told(&watch),
        [
            event("organization.domain_verified", of.clone()),
            event("member.added", json!({ "user_id": joined[0], "role": "member" })),
            event("organization.domain_removed", of.clone()),
            event("organization.domain_verified", of.clone()),
            event("member.requested", json!({ "user_id": joined[1] })),
            event("organization.domain_removed", of),
            event("member.added", json!({ "user_id": joined[1], "role": "viewer" })),
        ]
    );
}

#[tokio::test]
async fn what_was_refused_is_not_told() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let watch = app.receiver().await;
    webhook_for(&app, &ada, &watch, &["member.*", "organization.*"]).await;
    assert_eq!(remove(&app, &ada, &ada.user).await.problem(409), "last_owner");
    assert_eq!(change(&app, &ada, &ada.user, "viewer").await.problem(409), "last_owner");
    let delete = app.call(Method::DELETE, "/auth/me").bearer(&ada.token);
    assert_eq!(delete.json(&json!({ "password": PASSWORD })).send().await.problem(409), "last_owner");
    app.drain().await;
    assert_eq!((told(&watch), app.messages().len()), (Vec::new(), 0));
    assert!(!app.dump().await.contains(r#"\"type\":\"member"#), "an event of a refused change was written");
}

#[tokio::test]
async fn a_queue_that_does_not_answer_keeps_nobody_in() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let watch = app.receiver().await;
    webhook_for(&app, &ada, &watch, &["member.removed"]).await;
    let invitation = invite(&app, &ada, "bob@example.com", "member").await;
    accept(&app, &bob, &invitation).send().await.expect(200);
    app.queue_is_down_for(9);
    remove(&app, &ada, &bob.user).await.expect(204);
    assert!(app.messages().is_empty());
    app.queue_is_down_for(0);
    app.advance(3600 + 900);
    app.sweep().await;
    app.drain().await;
    assert_eq!(told(&watch), [event("member.removed", json!({ "user_id": bob.user, "role": "member" }))]);
}
