//! `POST /api/webhooks/{id}/pause` and `/resume`.

use it::{Account, Answer, App};
use serde_json::json;

async fn switch(app: &App, ada: &Account, webhook: &str, verb: &str) -> Answer {
    app.post(&format!("/api/webhooks/{webhook}/{verb}"), &ada.token, &json!({})).send().await
}

#[tokio::test]
async fn a_paused_webhook_keeps_what_comes_and_gets_it_when_it_is_sent_again() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let paused = switch(&app, &ada, &webhook.id, "pause").await.expect(200);
    assert_eq!(
        (&paused["status"], &paused["paused_at"], &paused["disabled_at"]),
        (&json!("paused"), &json!("2026-01-01T00:00:00.000Z"), &json!(null))
    );
    let event = app.publish(&ada, "a.b", &json!({ "n": 1 })).await;
    app.drain().await;
    assert_eq!(receiver.calls().len(), 0);
    let skipped = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!(skipped["status"], "skipped");
    let path = format!("/api/deliveries/{}/resend", skipped["id"].as_str().unwrap());
    assert_eq!(app.post(&path, &ada.token, &json!({})).send().await.problem(409), "conflict");

    assert_eq!(switch(&app, &ada, &webhook.id, "resume").await.expect(200)["status"], "active");
    app.post(&path, &ada.token, &json!({})).send().await.expect(202);
    app.drain().await;
    assert_eq!(receiver.calls()[0].json()["data"], json!({ "n": 1 }));
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "delivered");
}

#[tokio::test]
async fn what_is_due_to_a_webhook_that_was_paused_meanwhile_is_not_sent() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    switch(&app, &ada, &webhook.id, "pause").await.expect(200);
    app.advance(6);
    app.drain().await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("skipped"), &json!(1)));
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn a_webhook_that_a_410_switched_off_is_resumed_and_neither_verb_does_anything_twice() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(410);
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let paused = switch(&app, &ada, &webhook.id, "pause").await.expect(200);
    assert_eq!(paused["status"], "disabled", "it stays off for the reason that it has");
    let resumed = switch(&app, &ada, &webhook.id, "resume").await;
    assert_eq!(resumed.expect(200)["status"], "active");
    let again = switch(&app, &ada, &webhook.id, "resume").await;
    assert_eq!(again.header("etag"), resumed.header("etag"));
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
    let log = app.core.table.audit_page(ada.org.parse().unwrap(), None, 1).await.unwrap();
    assert_eq!(log[0].entry.action.as_str(), "webhook.resumed");
}
