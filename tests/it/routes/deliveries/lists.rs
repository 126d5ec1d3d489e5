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
