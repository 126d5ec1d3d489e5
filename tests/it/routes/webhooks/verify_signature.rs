//! `POST /api/webhooks/verify-signature`: what a receiver saw, as it saw it and in every way spoilt.

use it::{Account, App};
use serde_json::{Value, json};

/// What the receiver of a first event saw.
async fn seen(app: &App, ada: &Account, receiver: &stack::Receiver, webhook: &str) -> Value {
    app.publish(ada, "a.b", &json!({ "n": 1 })).await;
    app.drain().await;
    let call = receiver.calls().pop().unwrap();
    let header = |name: &str| call.header(name).unwrap().to_owned();
    json!({
        "webhook_id": webhook,
        "id": header("webhook-id"),
        "timestamp": header("webhook-timestamp"),
        "signature": header("webhook-signature"),
        "body": String::from_utf8(call.body.to_vec()).unwrap(),
    })
}

async fn verdict(app: &App, ada: &Account, seen: &Value) -> (String, Value) {
    let answer = app.post("/api/webhooks/verify-signature", &ada.token, seen).send().await.expect(200);
    assert_eq!(answer["valid"], answer["code"] == "valid");
    (answer["code"].as_str().unwrap().to_owned(), answer["secret"].clone())
}

#[tokio::test]
async fn each_step_that_fails_is_named() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let right = seen(&app, &ada, &receiver, &webhook.id).await;
    assert_eq!(verdict(&app, &ada, &right).await, ("valid".to_owned(), json!(0)));
    let body: Value = serde_json::from_str(right["body"].as_str().unwrap()).unwrap();
    let rewritten = serde_json::to_string_pretty(&body).unwrap();
    let forged = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
    for (field, value, code, secret) in [
        ("body", rewritten.as_str(), "body_changed", json!(0)),
        ("signature", forged, "unknown_secret", json!(null)),
        ("signature", "v1a,abc", "unknown_secret", json!(null)),
        ("signature", "v2,abc", "signature_malformed", json!(null)),
        ("signature", "", "signature_malformed", json!(null)),
        ("timestamp", "soon", "timestamp_malformed", json!(null)),
        ("timestamp", "-1", "timestamp_malformed", json!(null)),
        ("timestamp", "1767225601", "unknown_secret", json!(null)),
        ("id", "evt_01kdvdna000w3ge1r70w3ge1r7", "unknown_secret", json!(null)),
        ("id", "", "unknown_secret", json!(null)),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value.into();
        assert_eq!(verdict(&app, &ada, &wrong).await, (code.to_owned(), secret), "{field}: {value}");
    }
    app.advance(300);
    assert_eq!(verdict(&app, &ada, &right).await.0, "valid");
    app.advance(1);
    assert_eq!(verdict(&app, &ada, &right).await, ("timestamp_out_of_tolerance".to_owned(), json!(0)));
}

#[tokio::test]
async fn in_a_rotation_it_says_which_secret_signed() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let before = seen(&app, &ada, &receiver, &webhook.id).await;
    let path = format!("/api/webhooks/{}/rotate-secret", webhook.id);
    app.post(&path, &ada.token, &json!({ "overlap_seconds": 60 })).send().await.expect(200);
    assert_eq!(verdict(&app, &ada, &before).await, ("valid".to_owned(), json!(1)));
    let both = seen(&app, &ada, &receiver, &webhook.id).await;
    assert_eq!(verdict(&app, &ada, &both).await, ("valid".to_owned(), json!(0)));
    app.advance(60);
    assert_eq!(verdict(&app, &ada, &before).await, ("unknown_secret".to_owned(), json!(null)));
}

#[tokio::test]
async fn the_signature_of_the_key_is_enough_and_so_is_that_of_the_secret() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let both = seen(&app, &ada, &receiver, &webhook.id).await;
    for part in both["signature"].as_str().unwrap().split(' ') {
        let mut one = both.clone();
        one["signature"] = part.into();
        assert_eq!(verdict(&app, &ada, &one).await, ("valid".to_owned(), json!(0)), "{part}");
        one["body"] = json!("{}");
        assert_eq!(verdict(&app, &ada, &one).await, ("body_changed".to_owned(), json!(0)), "{part}");
    }
}

#[tokio::test]
async fn nobody_asks_about_another_organisations_webhook() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let right = seen(&app, &ada, &receiver, &webhook.id).await;
    let answer = app.post("/api/webhooks/verify-signature", &eve.token, &right).send().await;
    assert_eq!(answer.problem(404), "not_found");
}
