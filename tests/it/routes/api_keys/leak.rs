//! `POST /api/api-keys/report-leak`.

use http::Method;
use it::{Answer, App};
use serde_json::{Value, json};

use super::{bad_checksum, call, change, code, made, other_secret, read, revoke, rotate, unknown_key};
use crate::routes::{anonymous, text};
use shared::token::Environment;

async fn report(app: &App, body: &Value) -> Answer {
    app.call(Method::POST, "/api/api-keys/report-leak").json(body).send().await
}

#[tokio::test]
async fn a_key_that_was_found_is_switched_off_and_its_maker_told() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    app.mails();
    let url = "https://ada:pass@example.com/site/.env?token=abc#x";
    let answer = report(&app, &json!({ "key": key.key, "url": url })).await;
    assert_eq!(answer.expect(202), json!({ "status": "received" }));
    app.advance(5);
    assert_eq!(call(&app, &key.key).await.problem(401), "invalid_token");
    assert_eq!(code(&app, &ada.token, &key.key).await, "DISABLED");
    let shown = read(&app, &ada.token, &key.id).await.expect(200);
    let seen = ["status", "leaked_at", "revoked_at"].map(|name| shown[name].clone());
    assert_eq!(seen, [json!("leaked"), json!("2026-01-01T00:00:00.000Z"), json!(null)]);
    let mail = app.deliver_mails().await.remove(0);
    assert_eq!(mail.to, ["ada@example.com"]);
    assert_eq!(mail.subject, "One of your API keys was found in the open");
    let secret = key.key.split('_').nth(3).unwrap();
    assert!(!mail.text.unwrap().contains(secret));
    let log = app.core.table.audit_page(ada.org.parse().unwrap(), None, 1).await.unwrap();
    let entry = serde_json::to_value(&log[0].entry).unwrap();
    assert_eq!((&entry["action"], &entry["target"]), (&json!("api_key.leaked"), &json!(key.id)));
    assert_eq!(entry["details"], json!({ "url": "https://example.com/site/.env" }));
    // Neither a change nor a rotation brings it back.
    assert_eq!(rotate(&app, &ada.token, &key.id, &json!({})).send().await.problem(409), "key_not_active");
    assert_eq!(change(&app, &ada.token, &key.id, &json!({})).await.problem(409), "key_not_active");
    revoke(&app, &ada.token, &key.id).await.expect(204);
}

#[tokio::test]
async fn whatever_is_reported_gets_one_answer_and_only_the_whole_text_of_a_key_does_something() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    app.mails();
    let before = app.dump().await;
    let first = report(&app, &json!({ "key": "nothing" })).await;
    for text in [
        unknown_key(&app),
        bad_checksum(&key.key),
        other_secret(&app, &key, Environment::Live),
        key.key[..key.key.len() - 7].to_owned(),
        ada.token.clone(),
        String::new(),
    ] {
        assert_eq!(anonymous(&report(&app, &json!({ "key": text })).await), anonymous(&first), "{text}");
    }
    assert_eq!((app.dump().await, app.mails().len()), (before, 0));
    // Twice: one mail.
    for _ in 0..2 {
        assert_eq!(anonymous(&report(&app, &json!({ "key": key.key })).await), anonymous(&first));
    }
    assert_eq!(app.mails().len(), 1);
}

#[tokio::test]
async fn the_text_before_a_rotation_counts_as_long_as_it_works() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let rotated = rotate(&app, &ada.token, &key.id, &json!({ "grace_seconds": 10 })).send().await.expect(200);
    app.advance(10);
    report(&app, &json!({ "key": key.key })).await.expect(202);
    assert_eq!(code(&app, &ada.token, text(&rotated, "/key")).await, "VALID");
    let rotated = rotate(&app, &ada.token, &key.id, &json!({ "grace_seconds": 10 })).send().await.expect(200);
    let first = text(&rotated, "/key");
    rotate(&app, &ada.token, &key.id, &json!({ "grace_seconds": 10 })).send().await.expect(200);
    report(&app, &json!({ "key": first })).await.expect(202);
    assert_eq!(read(&app, &ada.token, &key.id).await.expect(200)["status"], "leaked");
}

#[tokio::test]
async fn reports_from_one_address_are_limited() {
    let app = App::start().await;
    let send = || {
        let call = app.call(Method::POST, "/api/api-keys/report-leak").from("192.0.2.7");
        call.json(&json!({ "key": "x" })).send()
    };
    for _ in 0..20 {
        send().await.expect(202);
    }
    assert_eq!(send().await.problem(429), "rate_limited");
}
