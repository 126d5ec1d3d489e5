//! `POST /oauth/revoke`.

use it::{Answer, App};
use serde_json::{Value, json};

use super::{access_token, form, gets_in, key};
use crate::routes::text;

async fn revoke(app: &App, token: &str) -> Answer {
    form(app, "/oauth/revoke", &[("token", token), ("token_type_hint", "access_token")]).send().await
}

async fn newest_record(app: &App, org: &str) -> Value {
    let records = app.core.table.audit_page(org.parse().unwrap(), None, 1).await.unwrap();
    serde_json::to_value(&records[0].entry).unwrap()
}

#[tokio::test]
async fn whoever_has_a_key_can_take_it_away_and_that_is_on_record_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    for _ in 0..2 {
        assert_eq!(revoke(&app, &secret).await.expect(200), Value::Null);
    }
    app.advance(5);
    assert!(!gets_in(&app, &secret).await);
    assert!(!gets_in(&app, &token).await);
    let shown = app.get(&format!("/api/api-keys/{id}"), &ada.token).send().await.expect(200);
    assert_eq!(shown["status"], "revoked");
    let record = newest_record(&app, &ada.org).await;
    assert_eq!((&record["action"], &record["target"]), (&json!("api_key.revoked"), &json!(id)));
    let records = app.core.table.audit_page(ada.org.parse().unwrap(), None, 100).await.unwrap();
    let revocations =
        records.iter().filter(|record| record.entry.action == shared::audit::Action::ApiKeyRevoked);
    assert_eq!(revocations.count(), 1);
}

#[tokio::test]
async fn access_and_refresh_tokens_of_people_end_their_session() {
    let app = App::start().await;
    for (email, which) in [("ada@example.com", "access"), ("eve@example.com", "refresh")] {
        let person = app.register(email).await;
        let token = if which == "access" { &person.token } else { &person.refresh_token };
        revoke(&app, token).await.expect(200);
        app.advance(5);
        assert_eq!(app.get("/auth/me", &person.token).send().await.problem(401), "invalid_token");
        let body = json!({ "refresh_token": person.refresh_token });
        let again = app.call(http::Method::POST, "/auth/refresh").json(&body).send().await;
        assert_eq!(again.problem(401), "invalid_refresh_token");
        assert_eq!(newest_record(&app, &person.org).await["action"], "session.revoked");
    }
}

#[tokio::test]
async fn what_is_no_token_is_answered_like_one_that_was_and_changes_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (_, secret) = key(&app, &ada, &json!({})).await;
    let before = app.dump().await;
    let cut = &ada.refresh_token[..ada.refresh_token.len() - 1];
    for token in ["nonsense", &secret[..secret.len() - 1], &ada.token[..ada.token.len() - 1], cut] {
        assert_eq!(revoke(&app, token).await.expect(200), Value::Null, "{token}");
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn the_token_of_a_key_is_not_taken_away_alone() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    let answer = revoke(&app, &token).await.expect(400);
    assert_eq!(text(&answer, "/error"), "unsupported_token_type");
    assert!(gets_in(&app, &token).await);
}
