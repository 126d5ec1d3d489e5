//! `POST /oauth/introspect`.

use it::{Answer, App};
use serde_json::json;

use super::{access_token, form, key, revoke_key};
use crate::routes::text;

async fn introspect(app: &App, caller: &str, token: &str) -> Answer {
    form(app, "/oauth/introspect", &[("token", token)]).bearer(caller).send().await
}

#[tokio::test]
async fn a_session_a_key_and_a_keys_token_are_described() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    let now = App::START.seconds();
    let mut of_token = introspect(&app, &ada.token, &token).await.expect(200);
    assert_eq!(of_token["jti"].take().as_str().map(str::len), Some(32));
    assert_eq!(
        of_token,
        json!({
            "active": true, "scope": "api_keys:read events:read", "client_id": id, "token_type": "Bearer",
            "exp": now + 300, "iat": now, "sub": id, "iss": "urn:ai-foundry:tests", "jti": null,
            "organization_id": ada.org,
        })
    );
    // A key describes itself, and others.
    assert_eq!(
        introspect(&app, &secret, &secret).await.expect(200),
        json!({
            "active": true, "scope": "api_keys:read events:read", "client_id": id, "token_type": "api_key",
            "iat": now, "sub": id, "iss": "urn:ai-foundry:tests", "organization_id": ada.org,
        })
    );
    let of_session = introspect(&app, &secret, &ada.token).await.expect(200);
    assert_eq!((&of_session["sub"], &of_session["exp"]), (&json!(ada.user), &json!(now + 900)));
    assert!(text(&of_session, "/scope").contains("members:write"));
    assert!(of_session.get("client_id").is_none());
}

#[tokio::test]
async fn of_what_is_not_good_or_not_ones_own_nothing_is_told() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let token = access_token(&app, &id, &secret).await;
    for foreign in [&secret, &token, &ada.token, &ada.refresh_token, &"nonsense".to_owned()] {
        assert_eq!(introspect(&app, &eve.token, foreign).await.expect(200), json!({ "active": false }));
    }
    revoke_key(&app, &ada, &id).await;
    app.advance(5);
    for dead in [&secret, &token] {
        assert_eq!(introspect(&app, &ada.token, dead).await.expect(200), json!({ "active": false }));
    }
    let answer = form(&app, "/oauth/introspect", &[]).bearer(&ada.token).send().await;
    assert_eq!(answer.expect(400)["error"], "invalid_request");
}

#[tokio::test]
async fn asking_counts_as_no_use_of_the_key() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({ "quota": { "limit": 1, "period": "day" } })).await;
    for _ in 0..3 {
        assert_eq!(introspect(&app, &ada.token, &secret).await.expect(200)["active"], true);
    }
    let shown = app.get(&format!("/api/api-keys/{id}"), &ada.token).send().await.expect(200);
    assert_eq!(shown["last_used_at"], json!(null));
    assert_eq!(introspect(&app, &secret, &secret).await.expect(200)["active"], true, "the one of the quota");
    assert_eq!(introspect(&app, &secret, &secret).await.problem(429), "quota_exceeded");
}
