//! `GET /api/webhooks/{id}/deliveries` and `GET /api/events/{id}/deliveries`

use it::App;
use serde_json::{Value, json};

async fn pages(app: &App, token: &str, path: &str) -> Vec<Value> {
    let mut listed = Vec::new();
    let mut page_path = format!("{path}?limit=2");
    loop {
        let page = app.get(&page_path, token).send().await.expect(200);
        listed.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { return listed };
        page_path = format!("{path}?limit=2&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_webhook_lists_its_deliveries_newest_first() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let (webhook, other) = (app.webhook(&ada, &receiver).await, app.webhook(&ada, &receiver).await);
    receiver.answer(500);
    let mut events = Vec::new();
    for _ in 0..5 {
        app.advance(1);
        events.push(app.publish(&ada, "a.b", &json!({})).await);
    }
    app.drain().await;
    events.reverse();
    for id in [&webhook.id, &other.id] {
        let listed = pages(&app, &ada.token, &format!("/api/webhooks/{id}/deliveries")).await;
        let listed: Vec<_> = listed.iter().map(|delivery| delivery["event_id"].as_str().unwrap()).collect();
        assert_eq!(listed, events);
    }
}

#[tokio::test]
async fn an_event_lists_one_delivery_for_each_webhook_tried_or_not() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let mut webhooks = Vec::new();
    for _ in 0..3 {
        app.advance(1);
        webhooks.push(app.webhook(&ada, &receiver).await.id);
    }
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    let tried = batch[0].json()["webhook"].clone();
    app.dispatch(&batch[..1]).await;
    let listed = pages(&app, &ada.token, &format!("/api/events/{event}/deliveries")).await;
    webhooks.reverse();
    let expected: Vec<_> = webhooks
        .iter()
        .map(|id| (id.as_str(), if tried == id.as_str() { "delivered" } else { "pending" }))
        .collect();
    let shown: Vec<_> = listed
        .iter()
        .map(|delivery| (delivery["webhook_id"].as_str().unwrap(), delivery["status"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn lists_show_only_what_is_asked_for_and_their_pages_lose_nothing() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let mut events = Vec::new();
    for n in 0..9 {
        app.advance(1);
        receiver.answer(if n % 3 == 0 { 500 } else { 200 });
        events.push(app.publish(&ada, "a.b", &json!({})).await);
        app.drain().await;
        receiver.answer(200);
    }
    let path = format!("/api/webhooks/{}/deliveries", webhook.id);
    let numbers = async |filter: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("{path}?limit=2{filter}{cursor}");
            let page = app.get(&query, &ada.token).send().await.expect(200);
            for delivery in page["data"].as_array().unwrap() {
                let id = delivery["event_id"].as_str().unwrap();
                found.push(events.iter().position(|event| event == id).unwrap());
            }
            let Some(next) = page["next_cursor"].as_str() else { return found };
            cursor = format!("&cursor={next}");
        }
    };
    let (from, to) = ("&since=2026-01-01T00:00:03Z", "&until=2026-01-01T00:00:06Z");
    let waiting: Vec<_> = events.iter().enumerate().rev().map(|(n, _)| n).collect();
    assert_eq!(numbers("").await, waiting);
    assert_eq!(numbers(&format!("{from}{to}")).await, [4, 3, 2]);
    let pending = numbers("&status=pending").await;
    let delivered = numbers("&status=delivered").await;
    assert_eq!((pending.len() + delivered.len(), pending.is_empty()), (9, false));
    assert_eq!(numbers(&format!("&status=parked{to}")).await, [0; 0]);
    let of_event = format!("/api/events/{}/deliveries", events[pending[0]]);
    let listed = async |status: &str| {
        let page = app.get(&format!("{of_event}?status={status}"), &ada.token).send().await.expect(200);
        page["data"].as_array().unwrap().len()
    };
    assert_eq!((listed("pending").await, listed("delivered").await), (1, 0));
    for wrong in ["status=sent", "since=yesterday", "until=", "status=pending&status=parked", "type=a"] {
        let answer = app.get(&format!("{path}?{wrong}"), &ada.token).send().await;
        assert_eq!(answer.problem(400), "invalid_request", "{wrong}");
    }
}
