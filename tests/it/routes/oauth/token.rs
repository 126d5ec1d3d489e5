//! `POST /oauth/token`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use it::{Account, App};
use serde_json::{Value, json};
use shared::organization::RoleChange;
use shared::scope::Role;

use super::{access_token, exchange, form, gets_in, key, revoke_key};
use crate::routes::api_keys::join;
use crate::routes::{anonymous, at_once, text};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_that_does_what_the_key_does_for_five_minutes() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let answer = exchange(&app, (&id, &secret)).send().await;
    let body = answer.expect(200);
    let token = text(&body, "/access_token");
    assert_eq!(
        body,
        json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "api_keys:read events:read",
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let part = |place: usize| -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(part(0)["typ"], "at+jwt");
    let mut claims = part(1);
    assert_eq!(claims["jti"].take().as_str().map(str::len), Some(32));
    assert_eq!(claims["sec"].take().as_str().map(str::len), Some(12));
    let now = App::START.seconds();
    assert_eq!(
        claims,
        json!({
            "iss": "urn:ai-foundry:tests",
            "aud": "ai-foundry",
            "sub": id,
            "client_id": id,
            "org": ada.org,
            "env": "live",
            "sec": null,
            "scope": "api_keys:read events:read",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": null,
        })
    );
    app.advance(299);
    assert!(gets_in(&app, token).await);
    app.advance(1);
    assert!(!gets_in(&app, token).await);
}

#[tokio::test]
async fn the_client_may_be_in_the_header_instead_and_then_nowhere_else() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let with = |fields: &[(&str, &str)]| form(&app, "/oauth/token", fields).header("authorization", &basic);
    assert_eq!(with(&[GRANT]).send().await.expect(200)["token_type"], "Bearer");
    let twice = with(&[GRANT, ("client_id", &id), ("client_secret", &secret)]).send().await;
    assert_eq!(twice.expect(400)["error"], "invalid_request");
}

#[tokio::test]
async fn a_token_holds_the_scopes_that_were_asked_for_and_none_beyond_the_keys() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let asking = async |scope: &str| {
        let client = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
        form(&app, "/oauth/token", &[GRANT, client[0], client[1], ("scope", scope)]).send().await
    };
    let narrow = asking("api_keys:read").await.expect(200);
    assert_eq!(narrow["scope"], "api_keys:read");
    assert!(!gets_in(&app, text(&narrow, "/access_token")).await);
    for scope in ["events:write", "events:read events:write", "nonsense"] {
        let refused = asking(scope).await.expect(400);
        assert_eq!(refused["error"], "invalid_scope", "{scope}");
    }
}

#[tokio::test]
async fn unknown_wrong_revoked_expired_and_mismatched_keys_are_one_answer() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let (other, _) = key(&app, &ada, &json!({})).await;
    let (revoked, revoked_secret) = key(&app, &ada, &json!({})).await;
    revoke_key(&app, &ada, &revoked).await;
    let end = App::START.plus(std::time::Duration::from_secs(1)).to_string();
    let (expired, expired_secret) = key(&app, &ada, &json!({ "expires_at": end })).await;
    app.advance(1);
    let unknown = "key_01kdvdna000w3ge1r70w3ge1r7";
    let first = exchange(&app, (unknown, &secret)).send().await;
    assert_eq!(
        first.expect(401),
        json!({ "error": "invalid_client", "error_description": "the key is unknown, expired or revoked" })
    );
    assert_eq!(first.header("www-authenticate"), Some("Basic realm=\"api keys\""));
    let cut = &secret[..secret.len() - 1];
    for client in [
        (other.as_str(), secret.as_str()),
        (&id, cut),
        (&id, &ada.token),
        ("nonsense", &secret),
        (&revoked, &revoked_secret),
        (&expired, &expired_secret),
    ] {
        let answer = exchange(&app, client).send().await;
        assert_eq!(anonymous(&answer), anonymous(&first), "{client:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_of_oauth_is_told_so() {
    let app = App::start().await;
    let client = [("client_id", "x"), ("client_secret", "y")];
    for (fields, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "")], "invalid_request"),
        (vec![("grant_type", "password"), client[0], client[1]], "unsupported_grant_type"),
        (vec![GRANT], "invalid_request"),
        (vec![GRANT, client[0]], "invalid_request"),
        (vec![GRANT, GRANT, client[0], client[1]], "invalid_request"),
    ] {
        let answer = form(&app, "/oauth/token", &fields).send().await;
        assert_eq!(answer.expect(400)["error"], error, "{fields:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let json = app.call(Method::POST, "/oauth/token").json(&json!({ "grant_type": "client_credentials" }));
    assert_eq!(json.send().await.expect(400)["error"], "invalid_request");
    for basic in ["Basic", "Basic !", "Basic YQ==", "Bearer abc"] {
        let answer = form(&app, "/oauth/token", &[GRANT]).header("authorization", basic).send().await;
        assert_eq!(answer.expect(401)["error"], "invalid_client", "{basic}");
    }
}

#[tokio::test]
async fn a_token_dies_within_five_seconds_with_its_key_and_loses_what_the_keys_maker_loses() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    assert!(gets_in(&app, &token).await);
    revoke_key(&app, &ada, &id).await;
    app.advance(5);
    assert!(!gets_in(&app, &token).await);

    let bob = app.register("bob@example.com").await;
    let org = ada.org.parse().unwrap();
    let member = Account { token: join(&app, &bob, org, Role::Member).await, ..bob };
    let body = json!({ "scopes": ["events:write"] });
    let (id, secret) = key(&app, &member, &body).await;
    let token = access_token(&app, &id, &secret).await;
    let publish = async || {
        let body = json!({ "type": "a.b", "data": {} });
        app.post("/api/events", &token, &body).send().await.status.as_u16()
    };
    assert_eq!(publish().await, 202);
    let user = member.user.parse().unwrap();
    let change = RoleChange { org, user, from: Role::Member, to: Some(Role::Viewer) };
    app.core.table.transaction().change_member(change).unwrap().commit().await.unwrap().unwrap();
    app.advance(5);
    assert_eq!(publish().await, 403);
}

#[tokio::test]
async fn a_token_does_not_outlive_the_secret_that_it_was_exchanged_for() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    assert!(gets_in(&app, &token).await);
    let rotate = async |seconds: u32| {
        let body = json!({ "grace_seconds": seconds });
        app.post(&format!("/api/api-keys/{id}/rotate"), &ada.token, &body).send().await.expect(200)
    };
    let rotated = rotate(60).await;
    let next = access_token(&app, &id, text(&rotated, "/key")).await;
    for (seconds, old) in [(59, true), (1, false)] {
        app.advance(seconds);
        assert_eq!((gets_in(&app, &token).await, gets_in(&app, &next).await), (old, true), "{seconds}");
    }
    rotate(0).await;
    app.advance(5);
    assert!(!gets_in(&app, &next).await);
}

#[tokio::test]
async fn a_token_is_bound_to_the_networks_and_limits_of_its_key() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body =
        json!({ "allowed_cidrs": ["192.0.2.0/24"], "rate_limit": { "limit": 3, "window_seconds": 60 } });
    let (id, secret) = key(&app, &ada, &body).await;
    let elsewhere = exchange(&app, (&id, &secret)).from("198.51.100.1").send().await;
    assert_eq!(elsewhere.problem(403), "address_not_allowed");
    let made = exchange(&app, (&id, &secret)).from("192.0.2.1").send().await.expect(200);
    let token = text(&made, "/access_token");
    let path = "/api/events/evt_01kdvdna000w3ge1r70w3ge1r7";
    assert_eq!(app.get(path, token).from("198.51.100.1").send().await.problem(403), "address_not_allowed");
    // The exchange was the first of three.
    let calls = (0..6).map(|_| app.get(path, token).from("192.0.2.1"));
    let through = at_once(calls).await.iter().filter(|answer| answer.status == 404).count();
    assert_eq!(through, 2);
    assert_eq!(exchange(&app, (&id, &secret)).from("192.0.2.1").send().await.problem(429), "rate_limited");
}

#[tokio::test]
async fn a_token_of_a_key_is_no_session() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    assert_eq!(app.get("/auth/me", &token).send().await.problem(403), "session_required");
    let body = json!({ "name": "More", "scopes": ["events:read"] });
    assert_eq!(app.post("/api/api-keys", &token, &body).send().await.problem(403), "insufficient_scope");
}

#[tokio::test]
async fn nobody_gets_a_token_while_the_table_does_not_answer() {
    let app = App::without_table().await;
    let secret = super::super::api_keys::unknown_key(&app);
    let id = shared::token::KeyToken::parse(&secret).unwrap().id().to_string();
    assert_eq!(exchange(&app, (&id, &secret)).send().await.problem(503), "unavailable");
}
