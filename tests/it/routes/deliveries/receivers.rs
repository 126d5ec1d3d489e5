//! Receivers that misbehave.

use it::App;
use serde_json::json;

#[tokio::test]
async fn a_redirect_is_not_followed_and_counts_as_a_failure() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (receiver, elsewhere) = (app.receiver().await, app.receiver().await);
    receiver.redirect(302, elsewhere.url());
    let webhook = app.webhook(&ada, &receiver).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!(delivery["last_attempt"]["error"], "The receiver answered 302: redirects are not followed.");
    assert_eq!((delivery["status"].as_str(), elsewhere.calls().len()), (Some("pending"), 0));
}

#[tokio::test]
async fn a_receiver_that_never_answers_times_out_and_does_not_hold_up_the_others() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (silent, good) = (app.receiver().await, app.receiver().await);
    silent.never_answer();
    let body = json!({ "url": silent.url(), "timeout_seconds": 1 });
    let webhook = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    app.webhook(&ada, &good).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    let dispatched = app.dispatch(&batch);
    let mut dispatched = std::pin::pin!(dispatched);
    tokio::select! {
        biased;
        _ = &mut dispatched => panic!("the silent receiver was not waited for"),
        call = good.next_call() => assert_eq!(call.header("webhook-id"), Some(event.as_str())),
    }
    assert_eq!(dispatched.await, [""; 0]);
    let delivery = app.delivery(&ada, &event, webhook["id"].as_str().unwrap()).await;
    assert_eq!(
        (&delivery["last_attempt"]["outcome"], &delivery["last_attempt"]["response_status"]),
        (&json!("timed_out"), &json!(null))
    );
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_is_a_failure_like_another() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "url": it::nobody() });
    let webhook = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let delivery = app.delivery(&ada, &event, webhook["id"].as_str().unwrap()).await;
    assert_eq!(delivery["last_attempt"]["outcome"], "unreachable");
    assert_eq!(delivery["status"], "pending");
}

#[tokio::test]
async fn what_a_receiver_answers_is_kept_short_and_readable() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer_with(200, &[], format!("{}\u{0}{}", "é".repeat(10), "x".repeat(100_000)));
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    let kept = delivery["last_attempt"]["response_body"].as_str().unwrap();
    assert!(kept.len() <= 1100 && kept.starts_with(&"é".repeat(10)) && !kept.contains('\u{0}'), "{kept}");
}
