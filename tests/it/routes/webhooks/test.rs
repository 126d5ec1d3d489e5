//! `POST /api/webhooks/{id}/test`.

use it::{App, Request};
use serde_json::json;

fn test(app: &App, token: &str, webhook: &str) -> Request {
    app.post(&format!("/api/webhooks/{webhook}/test"), token, &json!({}))
}

/// Lets the dispatcher work as soon as there is something to do.
async fn dispatching(app: &App) {
    while app.messages().is_empty() {
        tokio::task::yield_now().await;
    }
    app.drain().await;
}

#[tokio::test]
async fn a_test_event_goes_to_its_webhook_alone_whatever_that_names_and_shows_what_came_of_it() {
    let (app, ada, other, _) = App::with_webhook().await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "event_types": ["invoice.paid"] });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let id = made["id"].as_str().unwrap();
    for status in [204, 500] {
        receiver.answer(status);
        let (answer, ()) = tokio::join!(test(&app, &ada.token, id).send(), dispatching(&app));
        let delivery = answer.expect(200);
        assert_eq!(delivery["last_attempt"]["response_status"], status);
        assert_eq!(delivery["event_type"], "webhook.test");
    }
    let calls = receiver.calls();
    assert_eq!(calls[0].json()["data"], json!({ "webhook_id": id }));
    let signer = standardwebhooks::Webhook::new(made["secret"].as_str().unwrap()).unwrap();
    let id = calls[0].header("webhook-id").unwrap();
    let expected = signer.sign(id, 1_767_225_600, &calls[0].body).unwrap();
    let signatures = calls[0].header("webhook-signature").unwrap();
    assert!(signatures.split(' ').any(|part| part == expected), "{signatures}");
    assert_eq!(other.calls().len(), 0);
}

#[tokio::test]
async fn a_webhook_is_tested_ten_times_a_minute_and_not_while_it_is_paused() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    for _ in 0..10 {
        let (answer, ()) = tokio::join!(test(&app, &ada.token, &webhook.id).send(), dispatching(&app));
        answer.expect(200);
    }
    assert_eq!(test(&app, &ada.token, &webhook.id).send().await.problem(429), "rate_limited");
    let pause = format!("/api/webhooks/{}/pause", webhook.id);
    app.post(&pause, &ada.token, &json!({})).send().await.expect(200);
    assert_eq!(test(&app, &ada.token, &webhook.id).send().await.problem(409), "conflict");
    let unknown = test(&app, &ada.token, "whk_01kdvdna000w3ge1r70w3ge1r7").send().await;
    assert_eq!(unknown.problem(404), "not_found");
}
