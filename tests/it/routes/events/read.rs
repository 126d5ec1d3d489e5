//! `GET /api/events/{id}`

use it::App;
use serde_json::json;

#[tokio::test]
async fn an_event_shows_how_its_deliveries_stand() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (good, bad, deleted) = (app.receiver().await, app.receiver().await, app.receiver().await);
    bad.otherwise(500);
    for receiver in [&good, &bad] {
        app.webhook(&ada, receiver).await;
    }
    let gone = app.webhook(&ada, &deleted).await;
    let id = app.publish(&ada, "a.b", &json!({ "n": 1 })).await;
    let path = format!("/api/events/{id}");
    let shown = |pending, delivered, skipped| {
        json!({
            "id": id,
            "type": "a.b",
            "data": { "n": 1 },
            "created_at": "2026-01-01T00:00:00.000Z",
            "channels": [],
            "deliveries": { "pending": pending, "parked": 0, "delivered": delivered, "exhausted": 0, "skipped": skipped, "failed_internally": 0 },
        })
    };
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200), shown(3, 0, 0));
    let delete = app.call(http::Method::DELETE, &format!("/api/webhooks/{}", gone.id)).bearer(&ada.token);
    assert_eq!(delete.send().await.status, 204);
    app.drain().await;
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200), shown(1, 1, 1));
    assert_eq!(deleted.calls().len(), 0);
}

#[tokio::test]
async fn an_event_is_forgotten_after_thirty_days_also_if_the_table_still_has_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let id: shared::id::EventId = app.publish(&ada, "a.b", &json!({})).await.parse().unwrap();
    let org = ada.org.parse().unwrap();
    let at = |seconds| App::START.plus(std::time::Duration::from_secs(seconds));
    assert!(app.core.table.event(org, id, at(30 * 24 * 3600 - 1)).await.unwrap().is_some());
    assert!(app.core.table.event(org, id, at(30 * 24 * 3600)).await.unwrap().is_none());
}
