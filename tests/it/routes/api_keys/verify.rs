//! `POST /api/api-keys/verify`.

use it::{Answer, App};
use serde_json::{Value, json};
use shared::scope::{Role, Scope};
use shared::token::Environment;

use super::{bad_checksum, call, in_seconds, join, key_of, made, other_secret, revoke, unknown_key, verify};
use crate::routes::{anonymous, assert_problem};

fn not_found() -> Value {
    json!({ "valid": false, "code": "NOT_FOUND" })
}

async fn verify_for(app: &App, token: &str, key: &str, scopes: &Value) -> Answer {
    app.post("/api/api-keys/verify", token, &json!({ "key": key, "scopes": scopes })).send().await
}

#[tokio::test]
async fn a_good_key_is_valid_and_may_do_what_it_was_given() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:write", "webhooks:read"], None).await;
    let valid = json!({
        "valid": true,
        "code": "VALID",
        "key_id": key.id,
        "organization_id": ada.org,
        "environment": "live",
        "scopes": ["webhooks:read", "events:write"],
        "metadata": {},
    });
    let answer = verify(&app, &ada.token, &key.key).send().await;
    assert_eq!(answer.expect(200), valid);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for scopes in [json!([]), json!(["events:write"]), json!(["webhooks:read", "events:write"])] {
        assert_eq!(verify_for(&app, &ada.token, &key.key, &scopes).await.expect(200), valid, "{scopes}");
    }
}

#[tokio::test]
async fn a_key_with_the_scope_verifies_others_and_itself() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (verifier, key) =
        (made(&app, &ada, &["api_keys:read"], None).await, made(&app, &ada, &["events:write"], None).await);
    for other in [&key, &verifier] {
        let verdict = verify(&app, &verifier.key, &other.key).send().await.expect(200);
        assert_eq!((&verdict["code"], &verdict["key_id"]), (&json!("VALID"), &json!(other.id)));
    }
    assert_eq!(verify(&app, &key.key, &verifier.key).send().await.problem(403), "insufficient_scope");
}

#[tokio::test]
async fn a_scope_that_a_key_does_not_hold_is_not_enough() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    for scopes in [json!(["events:write"]), json!(["events:read", "events:write"]), json!(["api_keys:write"])]
    {
        assert_eq!(
            verify_for(&app, &ada.token, &key.key, &scopes).await.expect(200),
            json!({
                "valid": false,
                "code": "INSUFFICIENT_SCOPE",
                "key_id": key.id,
                "organization_id": ada.org,
                "environment": "live",
                "scopes": ["events:read"],
                "metadata": {},
            })
        );
    }
}

#[tokio::test]
async fn an_expired_key_is_told_from_a_revoked_one_to_its_owner() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], Some(in_seconds(60))).await;
    let verdict = async |scopes: Value| verify_for(&app, &ada.token, &key.key, &scopes).await.expect(200);
    let expected = |valid: bool, code: &str| {
        json!({
            "valid": valid,
            "code": code,
            "key_id": key.id,
            "organization_id": ada.org,
            "environment": "live",
            "scopes": ["events:read"],
            "metadata": {},
        })
    };
    app.advance(59);
    assert_eq!(verdict(json!([])).await, expected(true, "VALID"));
    app.advance(1);
    // Before the scopes: what is over is over for all of them.
    for scopes in [json!([]), json!(["events:write"])] {
        assert_eq!(verdict(scopes).await, expected(false, "EXPIRED"));
    }
    revoke(&app, &ada.token, &key.id).await.expect(204);
    app.advance(5);
    assert_eq!(verdict(json!(["events:write"])).await, expected(false, "DISABLED"));
}

#[tokio::test]
async fn a_revoked_key_is_disabled_within_five_seconds_where_it_is_known() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
    assert_eq!(verify(&app, &ada.token, &key.key).send().await.expect(200)["code"], "VALID");
    revoke(&app, &ada.token, &key.id).await.expect(204);
    app.advance(5);
    assert_eq!(verify(&app, &ada.token, &key.key).send().await.expect(200)["code"], "DISABLED");
}

#[tokio::test]
async fn unknown_misspelt_foreign_and_forged_keys_are_one_answer() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = made(&app, &ada, &["events:read"], None).await;
    let unknown = verify(&app, &eve.token, &unknown_key(&app)).send().await;
    assert_eq!(unknown.expect(200), not_found());
    for text in [
        key.key.clone(),
        bad_checksum(&key.key),
        other_secret(&app, &key, Environment::Live),
        String::new(),
        "aif_live_".to_owned(),
        ada.token.clone(),
        ada.refresh_token.clone(),
        "\u{0}\u{1F980}".to_owned(),
        "a".repeat(100_000),
    ] {
        assert_eq!(anonymous(&verify(&app, &eve.token, &text).send().await), anonymous(&unknown), "{text}");
    }
    for environment in [Environment::Live, Environment::Test] {
        let forged = other_secret(&app, &key, environment);
        assert_eq!(verify(&app, &ada.token, &forged).send().await.expect(200), not_found());
    }
}

#[tokio::test]
async fn a_misspelt_key_costs_no_read_an_unknown_one_costs_one_and_a_good_one_two_and_then_none() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let calls = async |key: &str| {
        app.table_calls();
        verify(&app, &ada.token, key).send().await.expect(200);
        app.table_calls().join(" ")
    };
    assert_eq!(calls(&bad_checksum(&key.key)).await, "");
    assert_eq!(calls(&unknown_key(&app)).await, "GetItem");
    assert_eq!(calls(&other_secret(&app, &key, Environment::Live)).await, "GetItem");
    // The last one writes down that the key was used, once in five minutes.
    assert_eq!(calls(&key.key).await, "GetItem BatchGetItem UpdateItem");
    assert_eq!(calls(&key.key).await, "");
    app.advance(5);
    // The first is for whoever verifies.
    assert_eq!(calls(&key.key).await, "BatchGetItem GetItem BatchGetItem");
}

#[tokio::test]
async fn scopes_are_those_that_the_maker_still_holds() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let org = ada.org.parse().unwrap();
    join(&app, &bob, org, Role::Viewer).await;
    let key = key_of(&app, &bob, org, &[Scope::EventsRead, Scope::EventsWrite]).await;
    let verdict = verify_for(&app, &ada.token, &key, &json!(["events:write"])).await.expect(200);
    let seen = ["code", "scopes"].map(|name| verdict[name].clone());
    assert_eq!(seen, [json!("INSUFFICIENT_SCOPE"), json!(["events:read"])]);
}

#[tokio::test]
async fn verifying_changes_nothing_but_when_the_key_was_last_used() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    verify(&app, &ada.token, &key.key).send().await.expect(200);
    let before = app.dump().await;
    for text in [key.key.clone(), unknown_key(&app)] {
        verify(&app, &ada.token, &text).send().await.expect(200);
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "scopes": ["events:read", "x"], "organization_id": ada.org });
    let answer = app.post("/api/api-keys/verify", &ada.token, &body).send().await;
    let detail = "expected one of organization:read, organization:write, members:read, members:write, \
                  api_keys:read, api_keys:write, webhooks:read, webhooks:write, events:read, events:write, \
                  audit:read";
    let found = json!({
        "detail": "3 fields are not right",
        "errors": [
            { "pointer": "/key", "code": "required", "detail": "is required" },
            { "pointer": "/scopes/1", "code": "unknown_scope", "detail": detail },
            { "pointer": "/organization_id", "code": "unknown_field", "detail": "there is no such field" },
        ],
    });
    assert_problem(&answer, 422, "validation_failed", "Some fields are not right", &found);
}
