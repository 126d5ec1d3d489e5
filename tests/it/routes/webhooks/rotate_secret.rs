//! `POST /api/webhooks/{id}/rotate-secret`

use it::{Account, App, Call, MadeWebhook, Receiver};
use serde_json::json;
use standardwebhooks::Webhook;

/// Which of the secrets the call is signed with. The public library makes the signature that has to
/// be there: its verification reads the machine's clock, which is not the test's.
fn verdicts(call: &Call, secrets: &[&str]) -> Vec<bool> {
    let signatures: Vec<_> = call.header("webhook-signature").unwrap().split(' ').collect();
    let (id, seconds) = (call.header("webhook-id").unwrap(), call.header("webhook-timestamp").unwrap());
    let expected =
        |secret| Webhook::new(secret).unwrap().sign(id, seconds.parse().unwrap(), &call.body).unwrap();
    secrets.iter().map(|secret| signatures.contains(&expected(secret).as_str())).collect()
}

async fn delivered(app: &App, account: &Account, receiver: &Receiver) -> Call {
    app.publish(account, "a.b", &json!({})).await;
    app.drain().await;
    receiver.next_call().await
}

async fn rotate(
    app: &App,
    account: &Account,
    webhook: &MadeWebhook,
    body: serde_json::Value,
) -> (String, String) {
    let path = format!("/api/webhooks/{}/rotate-secret", webhook.id);
    let answer = app.post(&path, &account.token, &body).send().await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.expect(200);
    assert_eq!(body["id"], webhook.id);
    (body["secret"].as_str().unwrap().to_owned(), body["previous_valid_until"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn both_secrets_sign_while_the_overlap_lasts_and_not_a_second_longer() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let (new, until) = rotate(&app, &ada, &webhook, json!({ "overlap_seconds": 600 })).await;
    assert_eq!(until, "2026-01-01T00:10:00.000Z");
    let secrets = [webhook.secret.as_str(), new.as_str()];
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &secrets), [true, true]);
    app.advance(599);
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &secrets), [true, true]);
    app.advance(1);
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &secrets), [false, true]);
}

#[tokio::test]
async fn without_an_overlap_the_old_secret_stops_at_once() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let (new, _) = rotate(&app, &ada, &webhook, json!({ "overlap_seconds": 0 })).await;
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &[&webhook.secret, &new]), [false, true]);
}

#[tokio::test]
async fn an_overlap_is_a_day_by_default_and_a_week_at_the_most() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let (_, until) = rotate(&app, &ada, &webhook, json!({})).await;
    assert_eq!(until, "2026-01-02T00:00:00.000Z");
    for odd in [json!(604_801), json!(-1), json!("1"), json!(1.5)] {
        let path = format!("/api/webhooks/{}/rotate-secret", webhook.id);
        let answer = app.post(&path, &ada.token, &json!({ "overlap_seconds": odd })).send().await;
        assert_eq!(answer.field_problems()[0].0, "/overlap_seconds", "{odd}");
    }
}

#[tokio::test]
async fn a_secret_signs_as_long_as_it_was_promised_however_often_one_rotates() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let (second, _) = rotate(&app, &ada, &webhook, json!({ "overlap_seconds": 300 })).await;
    let (third, _) = rotate(&app, &ada, &webhook, json!({ "overlap_seconds": 300 })).await;
    let path = format!("/api/webhooks/{}/rotate-secret", webhook.id);
    assert_eq!(app.post(&path, &ada.token, &json!({})).send().await.problem(409), "limit_reached");
    let secrets = [webhook.secret.as_str(), &second, &third];
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &secrets), [true, true, true]);
    app.advance(300);
    assert_eq!(verdicts(&delivered(&app, &ada, &receiver).await, &secrets), [false, false, true]);
    let stale = app.post(&path, &ada.token, &json!({})).header("if-match", "\"1\"").send().await;
    assert_eq!(stale.problem(412), "precondition_failed");
    rotate(&app, &ada, &webhook, json!({})).await;
}
