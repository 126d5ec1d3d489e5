//! `PATCH` and `DELETE /api/webhooks/{id}`

use http::Method;
use it::{Account, Answer, App};
use serde_json::{Value, json};

async fn made(app: &App, account: &Account) -> String {
    let body = json!({ "url": "http://127.0.0.1:4000/", "event_types": ["a.b"], "description": "old" });
    let made = app.post("/api/webhooks", &account.token, &body).send().await.expect(201);
    format!("/api/webhooks/{}", made["id"].as_str().unwrap())
}

async fn patch(app: &App, account: &Account, path: &str, body: Value) -> Answer {
    app.call(Method::PATCH, path).bearer(&account.token).json(&body).send().await
}

#[tokio::test]
async fn a_patch_changes_what_it_names_clears_what_is_null_and_keeps_the_rest() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = made(&app, &ada).await;
    app.advance(5);
    let answer = patch(&app, &ada, &path, json!({ "description": null, "timeout_seconds": 3 })).await;
    let changed = answer.expect(200);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert_eq!(
        changed,
        json!({
            "id": changed["id"],
            "url": "http://127.0.0.1:4000/",
            "event_types": ["a.b"],
            "description": null,
            "metadata": {},
            "timeout_seconds": 3,
            "status": "active",
            "disabled_reason": null,
            "disabled_at": null,
            "max_per_second": null,
            "paused_at": null,
            "channels": [],
            "filter": [],
            "headers": {},
            "public_keys": changed["public_keys"],
            "retry_schedule_seconds": [5, 300, 1800, 7200, 18_000, 36_000, 36_000],
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:05.000Z",
        })
    );
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200), changed);
    let cleared =
        patch(&app, &ada, &path, json!({ "event_types": null, "timeout_seconds": null })).await.expect(200);
    assert_eq!((&cleared["event_types"], &cleared["timeout_seconds"]), (&json!([]), &json!(15)));
}

#[tokio::test]
async fn a_bad_patch_changes_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = made(&app, &ada).await;
    let before = app.get(&path, &ada.token).send().await.expect(200);
    let body = json!({ "url": null, "event_types": "a.b", "timeout_seconds": 0, "status": "disabled", "description": "new" });
    let expected = [
        ("/url", "required"),
        ("/event_types", "wrong_type"),
        ("/timeout_seconds", "out_of_range"),
        ("/status", "unknown_field"),
    ];
    let problems = patch(&app, &ada, &path, body).await.field_problems();
    assert_eq!(problems, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    let redirected = patch(&app, &ada, &path, json!({ "url": "https://[::1]:8443/", "description": "new" }))
        .await
        .field_problems();
    assert_eq!(redirected, [("/url".to_owned(), "url_not_allowed".to_owned())]);
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200), before);
}

#[tokio::test]
async fn if_match_lets_only_the_version_that_was_read_be_changed() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = made(&app, &ada).await;
    let change = |tag: &'static str| {
        let request = app.call(Method::PATCH, &path).bearer(&ada.token).header("if-match", tag);
        request.json(&json!({ "timeout_seconds": 9 })).send()
    };
    assert_eq!(change("\"7\"").await.problem(412), "precondition_failed");
    assert_eq!(change("W/\"1\"").await.problem(412), "precondition_failed");
    change("\"1\"").await.expect(200);
    assert_eq!(change("\"1\"").await.problem(412), "precondition_failed");
    change("*").await.expect(200);
}

#[tokio::test]
async fn twenty_changes_at_once_are_all_made_or_told_so() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = made(&app, &ada).await;
    let calls = (0..20).map(|n| patch(&app, &ada, &path, json!({ "metadata": { "n": n.to_string() } })));
    let answers = futures_util::future::join_all(calls).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let told = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!(done + told, 20);
    let etag = app.get(&path, &ada.token).send().await;
    assert_eq!(
        etag.header("etag").map(str::to_owned),
        Some(format!("\"{}\"", done + 1)),
        "no change was lost"
    );
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_and_stays_gone() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = made(&app, &ada).await;
    let delete = || app.call(Method::DELETE, &path).bearer(&ada.token).send();
    assert_eq!(
        (delete().await.status, delete().await.problem(404)),
        (http::StatusCode::NO_CONTENT, "not_found".into())
    );
    assert_eq!(app.get(&path, &ada.token).send().await.problem(404), "not_found");
    assert_eq!(patch(&app, &ada, &path, json!({ "timeout_seconds": 3 })).await.problem(404), "not_found");
    assert_eq!(
        app.post(&format!("{path}/rotate-secret"), &ada.token, &json!({})).send().await.problem(404),
        "not_found"
    );
}
