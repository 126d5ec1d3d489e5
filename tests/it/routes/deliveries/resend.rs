//! `POST /api/deliveries/{id}/resend`.

use it::{Account, Answer, App};
use serde_json::json;
use tokio::task::JoinSet;

use crate::routes::at_once;

fn path(event: &str, webhook: &str) -> String {
    format!("/api/deliveries/dlv_{}{}/resend", &event[4..], &webhook[4..])
}

async fn resend(app: &App, ada: &Account, event: &str, webhook: &str) -> Answer {
    app.post(&path(event, webhook), &ada.token, &json!({})).send().await
}

/// The numbers and statuses of a delivery's attempts.
fn log(delivery: &serde_json::Value) -> Vec<(u64, u64)> {
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let attempts = delivery["attempt_log"].as_array().unwrap().iter();
    attempts.map(|attempt| (number(&attempt["number"]), number(&attempt["response_status"]))).collect()
}

#[tokio::test]
async fn what_was_delivered_is_sent_again_and_its_log_goes_on() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    receiver.answer(500);
    let again = resend(&app, &ada, &event, &webhook.id).await.expect(202);
    assert_eq!((&again["status"], &again["attempts"]), (&json!("pending"), &json!(1)));
    app.drain().await;
    app.advance(361);
    app.drain().await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!(
        (&delivery["status"], log(&delivery)),
        (&json!("delivered"), vec![(1, 200), (2, 500), (3, 200)])
    );
    let ids: Vec<_> =
        receiver.calls().iter().map(|call| call.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids, [event.clone(), event.clone(), event]);
}

#[tokio::test]
async fn of_twenty_who_send_a_delivery_again_at_once_one_does() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let calls = (0..20).map(|_| app.post(&path(&event, &webhook.id), &ada.token, &json!({})));
    let mut statuses: Vec<_> = at_once(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 202);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_delays_it_and_loses_nothing() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.queue_is_down_for(100);
    resend(&app, &ada, &event, &webhook.id).await.expect(202);
    app.queue_is_down_for(0);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 1);
    app.advance(17 * 60);
    assert_eq!(app.sweep().await["due"], 1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn the_task_that_is_there_for_safety_sends_nothing_where_it_is_not_needed() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    resend(&app, &ada, &event, &webhook.id).await.expect(202);
    app.drain().await;
    app.advance(17 * 60);
    assert_eq!(app.sweep().await["due"], 1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn only_what_is_ones_own_and_has_ended_is_sent_again() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    assert_eq!(resend(&app, &ada, &event, &webhook.id).await.problem(404), "not_found", "it has not begun");
    receiver.answer(500);
    app.drain().await;
    assert_eq!(resend(&app, &ada, &event, &webhook.id).await.problem(409), "conflict", "an attempt is due");
    assert_eq!(resend(&app, &eve, &event, &webhook.id).await.problem(404), "not_found");
    let calls: JoinSet<_> = (0..2).map(|_| app.get("/api/webhooks", &eve.token).send()).collect();
    calls.join_all().await;
}
