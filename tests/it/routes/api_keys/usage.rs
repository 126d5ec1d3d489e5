//! `GET /api/api-keys/{id}/usage`, and when a key was last used.

use it::App;
use serde_json::{Value, json};

use super::{call, code, in_seconds, made, made_with, read, revoke, verify};
use crate::routes::assert_problem;

const DAY: u64 = 24 * 3600;

async fn usage(app: &App, token: &str, id: &str, query: &str) -> Value {
    app.get(&format!("/api/api-keys/{id}/usage{query}"), token).send().await.expect(200)["data"].clone()
}

#[tokio::test]
async fn uses_are_counted_by_day_and_by_what_came_of_them() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(
        &app,
        &ada,
        &json!({ "expires_at": in_seconds(100), "rate_limit": { "limit": 3, "window_seconds": 60 } }),
    )
    .await;
    assert_eq!(usage(&app, &ada.token, &key.id, "").await, json!([]));
    for expected in ["VALID", "VALID", "VALID", "RATE_LIMITED", "RATE_LIMITED"] {
        assert_eq!(code(&app, &ada.token, &key.key).await, expected);
        // What is gathered within a second is written with the first call after it.
        app.advance(1);
    }
    app.advance(100);
    assert_eq!(code(&app, &ada.token, &key.key).await, "EXPIRED");
    revoke(&app, &ada.token, &key.id).await.expect(204);
    app.advance(5);
    assert_eq!(code(&app, &ada.token, &key.key).await, "DISABLED");
    let first = json!({
        "date": "2026-01-01",
        "verified": 3,
        "refused": { "rate_limited": 2, "expired": 1, "disabled": 1 },
    });
    assert_eq!(usage(&app, &ada.token, &key.id, "").await, json!([first]));
}

#[tokio::test]
async fn days_are_listed_the_latest_first_as_many_as_are_asked_for() {
    let app = App::start().await;
    let mut ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    for _ in 0..3 {
        verify(&app, &ada.token, &key.key).send().await.expect(200);
        app.advance(DAY);
        ada = app.sign_in(&ada, "ada@example.com").await;
    }
    let dates = async |query: &str| {
        let days = usage(&app, &ada.token, &key.id, query).await;
        let days = days.as_array().unwrap();
        days.iter().map(|day| day["date"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(dates("").await, ["2026-01-03", "2026-01-02", "2026-01-01"]);
    assert_eq!(dates("?days=3").await, ["2026-01-03", "2026-01-02"]);
    assert_eq!(dates("?days=1").await, [""; 0]);
    for (query, detail) in [
        ("?days=0", "`days` is a number from 1 to 90"),
        ("?days=91", "`days` is a number from 1 to 90"),
        ("?from=x", "there is no query parameter `from` here"),
    ] {
        let answer = app.get(&format!("/api/api-keys/{}/usage{query}", key.id), &ada.token).send().await;
        let detail = json!({ "detail": detail });
        assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
    }
}

#[tokio::test]
async fn a_busy_key_costs_a_write_a_second_and_is_counted_whole() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    verify(&app, &ada.token, &key.key).send().await.expect(200);
    app.limit_calls();
    for _ in 0..20 {
        verify(&app, &ada.token, &key.key).send().await.expect(200);
    }
    assert_eq!(app.limit_calls(), [""; 0]);
    app.advance(1);
    verify(&app, &ada.token, &key.key).send().await.expect(200);
    assert_eq!(app.limit_calls(), ["UpdateItem"]);
    assert_eq!(usage(&app, &ada.token, &key.id, "").await[0]["verified"], 22);
}

#[tokio::test]
async fn another_organisations_usage_does_not_exist() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = made(&app, &ada, &["events:read"], None).await;
    let foreign = app.get(&format!("/api/api-keys/{}/usage", key.id), &eve.token).send().await;
    assert_eq!(foreign.problem(404), "not_found");
    // Nor does somebody else's verification count.
    verify(&app, &eve.token, &key.key).send().await.expect(200);
    assert_eq!(usage(&app, &ada.token, &key.id, "").await, json!([]));
}

#[tokio::test]
async fn the_last_use_is_known_to_within_five_minutes() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let last = async || read(&app, &ada.token, &key.id).await.expect(200)["last_used_at"].clone();
    assert_eq!(last().await, json!(null));
    call(&app, &key.key).await;
    assert_eq!(last().await, "2026-01-01T00:00:00.000Z");
    app.advance(299);
    call(&app, &key.key).await;
    assert_eq!(last().await, "2026-01-01T00:00:00.000Z");
    app.advance(1);
    verify(&app, &ada.token, &key.key).send().await.expect(200);
    assert_eq!(last().await, "2026-01-01T00:05:00.000Z");
}
