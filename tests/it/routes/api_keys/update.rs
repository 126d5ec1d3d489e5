//! `PATCH /api/api-keys/{id}`.

use it::App;
use serde_json::{Value, json};
use shared::scope::Role;

use super::{call, change, in_seconds, join, made, made_with, read, revoke};
use crate::routes::{at_once, text};

fn field(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read", "events:write"], None).await;
    let mut expected = read(&app, &ada.token, &key.id).await.expect(200);
    let changes = [
        json!({ "name": "Billing" }),
        json!({ "scopes": ["events:read"] }),
        json!({ "allowed_cidrs": ["2001:db8::/32"], "metadata": { "a": "b" } }),
        json!({ "rate_limit": { "limit": 5, "window_seconds": 1 }, "quota": { "limit": 7, "period": "month" } }),
        json!({ "expires_at": "2026-02-01T00:00:00.000Z" }),
        json!({ "rate_limit": null, "quota": null, "allowed_cidrs": null, "metadata": null }),
        json!({}),
    ];
    for body in changes {
        let answer = change(&app, &ada.token, &key.id, &body).await.expect(200);
        for (name, value) in body.as_object().unwrap() {
            expected[name] = match (name.as_str(), value) {
                ("allowed_cidrs", Value::Null) => json!([]),
                ("metadata", Value::Null) => json!({}),
                _ => value.clone(),
            };
        }
        assert_eq!(answer, expected, "{body}");
        assert_eq!(read(&app, &ada.token, &key.id).await.expect(200), expected, "{body}");
    }
}

#[tokio::test]
async fn a_change_counts_everywhere_within_five_seconds() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read", "webhooks:read"], None).await;
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
    change(&app, &ada.token, &key.id, &json!({ "scopes": ["webhooks:read"] })).await.expect(200);
    app.advance(5);
    assert_eq!(call(&app, &key.key).await.problem(403), "insufficient_scope");
}

#[tokio::test]
async fn a_key_ends_sooner_and_never_later() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (open, bound) = (
        made(&app, &ada, &["events:read"], None).await,
        made(&app, &ada, &["events:read"], Some(in_seconds(100))).await,
    );
    let end = |id: String, value: Value| {
        let (app, token) = (&app, &ada.token);
        async move { change(app, token, &id, &json!({ "expires_at": value })).await }
    };
    end(open.id.clone(), json!(in_seconds(1000))).await.expect(200);
    end(bound.id.clone(), json!(in_seconds(99))).await.expect(200);
    end(bound.id.clone(), json!(in_seconds(99))).await.expect(200);
    for (id, value) in [
        (&bound.id, json!(in_seconds(100))),
        (&bound.id, json!(null)),
        (&open.id, json!(null)),
        (&open.id, json!("2026-01-01T00:00:00Z")),
    ] {
        let answer = end(id.clone(), value.clone()).await;
        assert_eq!(answer.field_problems(), field("/expires_at", "out_of_range"), "{value}");
    }
}

#[tokio::test]
async fn scopes_grow_only_by_what_the_caller_holds_and_never_by_what_no_key_holds() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let org = ada.org.parse().unwrap();
    let member = join(&app, &bob, org, Role::Member).await;
    let key = made(&app, &ada, &["events:read"], None).await;
    for (scopes, wrong) in [
        (json!(["events:read", "events:write"]), None),
        (json!(["events:read", "members:write"]), Some(field("/scopes/1", "scope_not_held"))),
        (json!(["api_keys:write"]), Some(field("/scopes/0", "scope_not_held"))),
        (json!([]), Some(field("/scopes", "too_few"))),
        (json!(null), Some(field("/scopes", "required"))),
    ] {
        let answer = change(&app, &member, &key.id, &json!({ "scopes": scopes })).await;
        match wrong {
            None => assert_eq!(answer.expect(200)["scopes"], scopes),
            Some(wrong) => assert_eq!(answer.field_problems(), wrong, "{scopes}"),
        }
    }
}

#[tokio::test]
async fn what_was_switched_off_stays_so_and_is_not_changed() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    revoke(&app, &ada.token, &key.id).await.expect(204);
    let before = app.dump().await;
    let answer = change(&app, &ada.token, &key.id, &json!({ "name": "Risen" })).await;
    assert_eq!(answer.problem(409), "key_not_active");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "name": null,
        "scopes": ["x"],
        "allowed_cidrs": ["10.0.0.1/8", "example.com", 7],
        "rate_limit": { "limit": 0, "window_seconds": 86_401, "burst": 1 },
        "quota": { "limit": 1, "period": "year" },
        "environment": "live",
    });
    let key = made(&app, &ada, &["events:read"], None).await;
    let expected = [
        ("/name", "required"),
        ("/scopes/0", "unknown_scope"),
        ("/allowed_cidrs/0", "invalid_format"),
        ("/allowed_cidrs/1", "invalid_format"),
        ("/allowed_cidrs/2", "wrong_type"),
        ("/rate_limit/limit", "out_of_range"),
        ("/rate_limit/window_seconds", "out_of_range"),
        ("/rate_limit/burst", "unknown_field"),
        ("/quota/period", "unknown_value"),
        ("/environment", "unknown_field"),
    ];
    let mut found = change(&app, &ada.token, &key.id, &body).await.field_problems();
    let mut expected = expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_lose_nothing_and_never_undo_a_revocation() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &json!({ "metadata": { "n": "0" } })).await;
    let path = format!("/api/api-keys/{}", key.id);
    let bodies: Vec<_> = (0..8).map(|n| json!({ "name": format!("Name {n}") })).collect();
    let mut calls: Vec<_> = bodies
        .iter()
        .map(|body| app.call(http::Method::PATCH, &path).bearer(&ada.token).json(body))
        .collect();
    calls.insert(4, app.call(http::Method::DELETE, &path).bearer(&ada.token));
    for answer in at_once(calls.into_iter()).await {
        let status = answer.status.as_u16();
        assert!([200, 204, 409].contains(&status), "{}", answer.text);
    }
    let shown = read(&app, &ada.token, &key.id).await.expect(200);
    assert_eq!((&shown["status"], &shown["metadata"]), (&json!("revoked"), &json!({ "n": "0" })));
    app.advance(5);
    assert_eq!(call(&app, &key.key).await.problem(401), "invalid_token");
    assert!(text(&shown, "/name").starts_with("Name ") || shown["name"] == "A key");
}
