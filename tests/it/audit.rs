//! The audit log: what is in it, that nothing is lost under load, and that no secret ever is.

use http::Method;
use it::{Account, App, Request};
use serde_json::{Value, json};
use shared::audit::Record;
use shared::audit::chain::verify;
use tokio::task::JoinSet;

/// The whole log, the oldest record first.
async fn log(app: &App, account: &Account) -> Vec<Record> {
    let org = account.org.parse().unwrap();
    app.core.table.audit_after(org, 0, 100).await.unwrap()
}

/// What the log says after `sequence`: action, result, actor, target and details.
async fn said_after(app: &App, account: &Account, sequence: usize) -> Vec<Value> {
    let log = log(app, account).await;
    verify(&log).unwrap();
    let said = |record: &Record| {
        let entry = serde_json::to_value(&record.entry).unwrap();
        assert_eq!(entry["address"], "192.0.2.7");
        assert_eq!(entry["user_agent"], "curl/8");
        assert!(entry["request_id"].is_string());
        json!([entry["action"], entry["result"], entry["actor"], entry["target"], entry["details"]])
    };
    log.iter().skip(sequence).map(said).collect()
}

fn from_curl(request: Request) -> Request {
    request.from("192.0.2.7").header("user-agent", "curl/8")
}

#[tokio::test]
async fn every_change_of_a_key_or_a_webhook_is_on_record_with_who_and_from_where() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = log(&app, &ada).await.len();

    let body = json!({ "name": "Billing", "scopes": ["events:write", "webhooks:write"] });
    let made = from_curl(app.post("/api/api-keys", &ada.token, &body)).send().await.expect(201);
    let (key, text) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let body = json!({ "url": "https://example.com/hooks" });
    let webhook = from_curl(app.post("/api/webhooks", text, &body)).send().await.expect(201);
    let webhook = webhook["id"].as_str().unwrap();
    let path = format!("/api/webhooks/{webhook}");
    let patch = app.call(Method::PATCH, &path).bearer(&ada.token);
    let patch = patch.json(&json!({ "description": "for the books", "timeout_seconds": 5 }));
    from_curl(patch).send().await.expect(200);
    let rotate = app.post(&format!("{path}/rotate-secret"), &ada.token, &json!({}));
    from_curl(rotate).send().await.expect(200);
    let delete = || from_curl(app.call(Method::DELETE, &path).bearer(&ada.token)).send();
    delete().await.expect(204);
    assert_eq!(delete().await.problem(404), "not_found");
    let path = format!("/api/api-keys/{key}");
    let revoke = || from_curl(app.call(Method::DELETE, &path).bearer(&ada.token)).send();
    revoke().await.expect(204);
    assert_eq!(revoke().await.problem(404), "not_found");

    assert_eq!(
        said_after(&app, &ada, before).await,
        [
            json!(["api_key.created", "success", ada.user, key, { "scopes": "events:write webhooks:write" }]),
            json!(["webhook.created", "success", key, webhook, null]),
            json!([
                "webhook.updated",
                "success",
                ada.user,
                webhook,
                { "fields": "description timeout_seconds" }
            ]),
            json!(["webhook.secret_rotated", "success", ada.user, webhook, null]),
            json!(["webhook.deleted", "success", ada.user, webhook, null]),
            json!(["api_key.revoked", "success", ada.user, key, null]),
        ]
    );
}

#[tokio::test]
async fn every_change_of_an_event_type_is_on_record() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = log(&app, &ada).await.len();
    let create = || from_curl(app.post("/api/event-types", &ada.token, &json!({ "name": "a.b" }))).send();
    create().await.expect(201);
    create().await.expect(409);
    let change = |method: Method| from_curl(app.call(method, "/api/event-types/a.b").bearer(&ada.token));
    let body = json!({ "description": "a", "schema": { "type": "object" }, "enforce": true });
    change(Method::PATCH).json(&body).send().await.expect(200);
    change(Method::DELETE).send().await.expect(204);
    change(Method::DELETE).send().await.expect(404);
    let fields = json!({ "fields": "description schema enforce" });
    assert_eq!(
        said_after(&app, &ada, before).await,
        [
            json!(["event_type.created", "success", ada.user, "a.b", null]),
            json!(["event_type.updated", "success", ada.user, "a.b", fields]),
            json!(["event_type.deleted", "success", ada.user, "a.b", null]),
        ]
    );
}

#[tokio::test]
async fn a_key_that_its_maker_may_not_give_is_on_record_as_refused() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = log(&app, &ada).await.len();
    let body = json!({ "name": "A key", "scopes": ["events:read", "api_keys:write"] });
    from_curl(app.post("/api/api-keys", &ada.token, &body)).send().await.expect(422);
    let scopes = json!({ "scopes": "events:read api_keys:write" });
    assert_eq!(
        said_after(&app, &ada, before).await,
        [json!(["api_key.created", "failure", ada.user, null, scopes])]
    );
}

#[tokio::test]
async fn a_change_that_was_refused_or_repeated_leaves_no_record() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let body = json!({ "name": "A key", "scopes": ["events:read"] });
    let make = || app.post("/api/api-keys", &ada.token, &body).header("idempotency-key", "k").send();
    let made = make().await.expect(201);
    let before = (log(&app, &ada).await.len(), log(&app, &eve).await.len());
    make().await.expect(409);
    let path = format!("/api/api-keys/{}", made["id"].as_str().unwrap());
    app.call(Method::DELETE, &path).bearer(&eve.token).send().await.expect(404);
    assert_eq!((log(&app, &ada).await.len(), log(&app, &eve).await.len()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_changes_at_once_every_one_that_was_done_is_on_record_and_the_chain_is_whole() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = log(&app, &ada).await.len();
    let make = |n: u32| {
        let body = json!({ "name": format!("Key {n}"), "scopes": ["events:read"] });
        app.post("/api/api-keys", &ada.token, &body).send()
    };
    let answers = (0..50).map(make).collect::<JoinSet<_>>().join_all().await;
    let mut made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.json()["id"].as_str().unwrap().to_owned())
        .collect();
    // Whoever lost too often against others was told so, and has nothing.
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(409), "conflict");
    }
    let log = log(&app, &ada).await;
    verify(&log).unwrap();
    let mut on_record: Vec<_> =
        log.iter().skip(before).map(|record| record.entry.target.clone().unwrap()).collect();
    made.sort_unstable();
    on_record.sort_unstable();
    assert_eq!(on_record, made);
    assert!(made.len() >= 45, "{} of 50", made.len());
}

#[tokio::test]
async fn no_secret_is_ever_on_record() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "name": "Billing", "scopes": ["events:write"] });
    let key = app.post("/api/api-keys", &ada.token, &body).send().await.expect(201);
    let webhook =
        app.post("/api/webhooks", &ada.token, &json!({ "url": "https://example.com/a?token=abcdefgh" }));
    let webhook = webhook.send().await.expect(201);
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let rotated = app.post(&format!("{path}/rotate-secret"), &ada.token, &json!({})).send().await.expect(200);
    let totp = app.post("/auth/mfa/totp", &ada.token, &json!({ "password": it::PASSWORD }));
    let totp = totp.send().await.expect(200);
    let secrets = [&key["key"], &webhook["secret"], &rotated["secret"], &totp["secret"], &json!(ada.token)]
        .map(|secret| secret.as_str().unwrap().to_owned());
    let records = format!("{:?}", log(&app, &ada).await);
    for secret in secrets.iter().map(String::as_str).chain([it::PASSWORD, &ada.refresh_token, "abcdefgh"]) {
        // The last characters are secret in all of them.
        let end = &secret[secret.len() - 8..];
        assert!(!records.contains(end), "{end}");
    }
}
