//! `GET /auth/me`.

use http::Method;
use it::{App, PASSWORD};
use serde_json::json;

use super::me;
use crate::routes::{assert_problem, text};

#[tokio::test]
async fn a_person_sees_who_they_are_and_where_they_belong() {
    let app = App::start().await;
    let body = json!({
        "email": "ada@example.com",
        "password": PASSWORD,
        "name": "Ada Lovelace",
        "organization": { "name": "Analytical Engines" },
    });
    let made = app.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
    app.advance(60);
    let answer = me(&app, text(&made, "/access_token")).await;
    assert_eq!(
        answer.expect(200),
        json!({
            "id": made["user"]["id"],
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "email_verified": false,
            "mfa_enabled": false,
            "organizations": [
                { "id": made["organization"]["id"], "name": "Analytical Engines", "role": "owner" },
            ],
            "created_at": "2026-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_name_that_was_not_given_is_null() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    assert_eq!(me(&app, &ada.token).await.expect(200)["name"], json!(null));
}

#[tokio::test]
async fn everybody_sees_themselves_alone() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    for (somebody, email) in [(&ada, "ada@example.com"), (&eve, "eve@example.com")] {
        let body = me(&app, &somebody.token).await.expect(200);
        assert_eq!(body["id"], somebody.user.as_str());
        assert_eq!(body["email"], email);
        assert_eq!(body["organizations"], json!([{ "id": somebody.org, "name": "Acme", "role": "owner" }]));
    }
}

#[tokio::test]
async fn a_key_is_nobody() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["organization:read", "members:read"]).await;
    let answer = me(&app, &key).await;
    assert_problem(&answer, 403, "session_required", "Only a signed-in person can do this", &json!({}));
}

#[tokio::test]
async fn a_person_who_is_known_costs_three_reads_and_a_stranger_one_more() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.table_calls();
    me(&app, &ada.token).await.expect(200);
    let mut calls = app.table_calls();
    calls.sort_unstable();
    assert_eq!(calls, ["BatchGetItem", "BatchGetItem", "GetItem", "Query"]);
    me(&app, &ada.token).await.expect(200);
    let mut calls = app.table_calls();
    calls.sort_unstable();
    assert_eq!(calls, ["BatchGetItem", "GetItem", "Query"]);
}

#[tokio::test]
async fn an_access_token_is_good_for_fifteen_minutes() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.advance(899);
    me(&app, &ada.token).await.expect(200);
    app.advance(1);
    let detail = json!({ "detail": "the access token or API key is unknown, expired or revoked" });
    let answer = me(&app, &ada.token).await;
    assert_problem(&answer, 401, "invalid_token", "The credential is not accepted", &detail);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}
