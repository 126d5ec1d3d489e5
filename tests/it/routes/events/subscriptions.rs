//! What webhooks want is kept from one publish to the next, and never counts for longer than it is so.

use http::Method;
use it::{Account, App, MadeWebhook};
use serde_json::{Value, json};
use shared::id::WebhookId;
use shared::webhook::Webhook;

/// Enough for a list that is kept.
const MANY: usize = 8;

async fn publish(app: &App, ada: &Account) -> Value {
    app.post("/api/events", &ada.token, &json!({ "type": "a.b", "data": {} })).send().await.expect(202)
}

async fn matched(app: &App, ada: &Account) -> Value {
    publish(app, ada).await["matched"].clone()
}

/// The calls to the table of one publish, of which nothing else is asked for anew.
async fn calls(app: &App, ada: &Account) -> Vec<String> {
    app.table_calls();
    publish(app, ada).await;
    app.table_calls()
}

/// So many webhooks, whose making is a while ago, and a publisher who is known.
async fn with_webhooks(count: usize) -> (App, Account, Vec<MadeWebhook>) {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let mut webhooks = Vec::new();
    for _ in 0..count {
        webhooks.push(app.webhook(&ada, &receiver).await);
    }
    app.advance(60);
    app.get("/api/webhooks", &ada.token).send().await.expect(200);
    (app, ada, webhooks)
}

/// Publishes until the list is kept, so that what follows is a change of a list that is.
async fn keep(app: &App, ada: &Account) {
    app.advance(60);
    app.get("/api/webhooks", &ada.token).send().await.expect(200);
    for _ in 0..2 {
        publish(app, ada).await;
    }
    assert_eq!(calls(app, ada).await, ["GetItem", "PutItem"], "the list is kept");
}

async fn with_a_kept_list() -> (App, Account, Vec<MadeWebhook>) {
    let (app, ada, webhooks) = with_webhooks(MANY).await;
    keep(&app, &ada).await;
    (app, ada, webhooks)
}

#[tokio::test]
async fn from_the_third_publish_a_long_list_costs_one_small_read() {
    let (app, ada, _) = with_webhooks(MANY).await;
    publish(&app, &ada).await;
    assert_eq!(calls(&app, &ada).await, ["GetItem", "Query", "PutItem"]);
    assert_eq!(calls(&app, &ada).await, ["GetItem", "PutItem"]);
    assert_eq!(matched(&app, &ada).await, MANY);
}

#[tokio::test]
async fn a_short_list_is_read_each_time_which_costs_as_much() {
    let (app, ada, _) = with_webhooks(MANY - 1).await;
    publish(&app, &ada).await;
    for _ in 0..3 {
        assert_eq!(calls(&app, &ada).await, ["Query", "PutItem"]);
    }
    assert_eq!(matched(&app, &ada).await, MANY - 1);
}

#[tokio::test]
async fn a_webhook_that_is_made_changed_or_deleted_counts_from_the_next_publish_on() {
    let (app, ada, webhooks) = with_a_kept_list().await;
    let (one, receiver) = (format!("/api/webhooks/{}", webhooks[0].id), app.receiver().await);
    let exists = json!([{ "path": "$.n", "op": "exists", "value": true }]);
    let changes = [
        (Method::POST, "/api/webhooks", json!({ "url": receiver.url() }), MANY + 1),
        (Method::PATCH, &one, json!({ "event_types": ["c.*"] }), MANY),
        (Method::PATCH, &one, json!({ "event_types": ["a.*"] }), MANY + 1),
        (Method::PATCH, &one, json!({ "channels": ["x"] }), MANY),
        (Method::PATCH, &one, json!({ "channels": null }), MANY + 1),
        (Method::PATCH, &one, json!({ "filter": exists }), MANY),
        (Method::PATCH, &one, json!({ "filter": null }), MANY + 1),
        (Method::DELETE, &one, json!({}), MANY),
    ];
    for (method, path, body, then) in changes {
        let ada = app.sign_in(&ada, "ada@example.com").await;
        keep(&app, &ada).await;
        let change = app.call(method, path).bearer(&ada.token).json(&body).send().await;
        assert!(change.status.is_success(), "{body}: {}", change.text);
        assert_eq!(matched(&app, &ada).await, then, "{body}");
    }
}

#[tokio::test]
async fn what_another_process_changes_counts_as_well() {
    let (app, ada, webhooks) = with_a_kept_list().await;
    let (table, org) = (&app.core.table, ada.org.parse().unwrap());
    let like = table.webhook(org, webhooks[0].id.parse().unwrap()).await.unwrap().unwrap();
    let other = Webhook { id: WebhookId::new(App::START, &app.core.entropy).unwrap(), ..like };
    table.transaction().put_webhook(&other).unwrap().commit().await.unwrap().unwrap();
    assert_eq!(matched(&app, &ada).await, MANY + 1);
}

#[tokio::test]
async fn a_list_of_which_no_change_was_ever_counted_is_read_each_time() {
    let (app, ada, _) = with_webhooks(MANY).await;
    app.core.table.forget_webhooks_revision(ada.org.parse().unwrap()).await.unwrap();
    publish(&app, &ada).await;
    for _ in 0..3 {
        assert_eq!(calls(&app, &ada).await, ["GetItem", "Query", "PutItem"]);
    }
}

#[tokio::test]
async fn a_list_is_not_kept_before_its_last_change_is_a_minute_ago() {
    let (app, ada, webhooks) = with_a_kept_list().await;
    let one = format!("/api/webhooks/{}", webhooks[0].id);
    let change = app.call(Method::PATCH, &one).bearer(&ada.token).json(&json!({ "event_types": ["c.d"] }));
    change.send().await.expect(200);
    for wait in [0, 30, 29] {
        app.advance(wait);
        app.get("/api/webhooks", &ada.token).send().await.expect(200);
        publish(&app, &ada).await;
        assert_eq!(calls(&app, &ada).await, ["GetItem", "Query", "PutItem"]);
    }
    app.advance(1);
    publish(&app, &ada).await;
    assert_eq!(calls(&app, &ada).await, ["GetItem", "PutItem"]);
    assert_eq!(matched(&app, &ada).await, MANY - 1);
}

#[tokio::test]
async fn whoever_publishes_while_others_make_webhooks_misses_none_that_was_made_before() {
    let (app, ada, _) = with_a_kept_list().await;
    let receiver = app.receiver().await;
    for made in 0..5 {
        keep(&app, &ada).await;
        let body = json!({ "url": receiver.url() });
        let make = || app.post("/api/webhooks", &ada.token, &body).send();
        let (first, second, before, while_made) =
            tokio::join!(make(), make(), matched(&app, &ada), matched(&app, &ada));
        first.expect(201);
        second.expect(201);
        let there = MANY as u64 + 2 * made;
        for count in [before, while_made] {
            assert!((there..=there + 2).contains(&count.as_u64().unwrap()), "{count} of {there}");
        }
        let (one, two, three) = tokio::join!(matched(&app, &ada), matched(&app, &ada), matched(&app, &ada));
        assert_eq!([one, two, three], [there + 2, there + 2, there + 2]);
    }
}

#[tokio::test]
async fn the_list_of_one_organisation_is_not_that_of_another() {
    let (app, ada, _) = with_a_kept_list().await;
    let (bob, receiver) = (app.register("bob@example.com").await, app.receiver().await);
    for _ in 0..=MANY {
        app.webhook(&bob, &receiver).await;
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    for (who, webhooks) in [(&bob, MANY + 1), (&ada, MANY)] {
        keep(&app, who).await;
        assert_eq!(matched(&app, who).await, webhooks);
    }
}

#[tokio::test]
async fn a_batch_reads_the_list_once_for_all_its_events() {
    let (app, ada, _) = with_a_kept_list().await;
    app.table_calls();
    let events = json!({ "events": [{ "type": "a.b", "data": {} }, { "type": "a.b", "data": {} }] });
    let answer = app.post("/api/events/batch", &ada.token, &events).send().await.expect(200);
    assert_eq!(app.table_calls(), ["GetItem", "PutItem", "PutItem"]);
    assert_eq!([0, 1].map(|n| answer["data"][n]["event"]["matched"].clone()), [MANY, MANY]);
}
