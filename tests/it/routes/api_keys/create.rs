//! `POST /api/api-keys`.

use http::Method;
use it::{Account, Answer, App, Request};
use serde_json::{Value, json};
use shared::id::OrgId;
use shared::organization::{Membership, Organization};
use shared::scope::{Module, Modules, Role};

use super::{call, create, in_seconds, join, read, signed_in};
use crate::routes::{assert_problem, at_once, items, text};

const DAY: u64 = 24 * 3600;

fn billing() -> Value {
    json!({ "name": "Billing", "scopes": ["events:read"] })
}

fn once(app: &App, token: &str, idempotency_key: &str, body: &Value) -> Request {
    create(app, token, body).header("idempotency-key", idempotency_key)
}

fn field(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

async fn ids(app: &App, token: &str) -> Vec<String> {
    let list = app.get("/api/api-keys", token).send().await.expect(200);
    list["data"].as_array().unwrap().iter().map(|key| text(key, "/id").to_owned()).collect()
}

/// Signs a person in anew: an access token is good for minutes.
async fn signed_in_again(app: &App, account: &Account) -> String {
    let body = json!({ "refresh_token": account.refresh_token });
    let body = app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
    text(&body, "/access_token").to_owned()
}

#[tokio::test]
async fn a_key_is_shown_whole_in_the_answer_that_makes_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "name": " Billing ",
        "scopes": ["webhooks:read", "events:write", "webhooks:read"],
        "environment": "test",
        "expires_at": "2026-02-01T01:00:00+01:00",
        "metadata": { "team": "money" },
    });
    let answer = create(&app, &ada.token, &body).send().await;
    let made = answer.expect(201);
    let key = text(&made, "/key");
    let parts: Vec<_> = key.split('_').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [3, 4, 22, 43, 6], "{key}");
    assert_eq!(
        made,
        json!({
            "id": made["id"],
            "key": key,
            "name": "Billing",
            "key_hint": format!("aif_test_{}_…", parts[2]),
            "scopes": ["webhooks:read", "events:write"],
            "environment": "test",
            "status": "active",
            "created_by": ada.user,
            "created_at": "2026-01-01T00:00:00.000Z",
            "expires_at": "2026-02-01T00:00:00.000Z",
            "revoked_at": null,
            "leaked_at": null,
            "allowed_cidrs": [],
            "rate_limit": null,
            "quota": null,
            "metadata": { "team": "money" },
            "last_used_at": null,
            "previous_expires_at": null,
            "previous_last_used_at": null,
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn name_and_scopes_are_enough() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let made = create(&app, &ada.token, &billing()).send().await.expect(201);
    assert!(text(&made, "/key").starts_with("aif_live_"));
    let rest = ["environment", "expires_at", "metadata"].map(|name| made[name].clone());
    assert_eq!(rest, [json!("live"), json!(null), json!({})]);
    assert_eq!(call(&app, text(&made, "/key")).await.problem(404), "not_found");
}

#[tokio::test]
async fn it_takes_two_reads_and_a_write_however_often_it_may_be_repeated() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    create(&app, &ada.token, &billing()).send().await.expect(201);
    app.table_calls();
    create(&app, &ada.token, &billing()).send().await.expect(201);
    assert_eq!(app.table_calls(), ["Query", "GetItem", "TransactWriteItems"]);
    once(&app, &ada.token, "k", &billing()).send().await.expect(201);
    assert_eq!(app.table_calls(), ["Query", "GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn the_secret_is_in_no_other_answer_and_not_in_the_table() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let made = once(&app, &ada.token, "first", &billing()).send().await.expect(201);
    let (id, key) = (text(&made, "/id"), text(&made, "/key"));
    app.post("/api/api-keys/verify", &ada.token, &json!({ "key": key })).send().await.expect(200);
    let repeated = once(&app, &ada.token, "first", &billing()).send().await.text;
    let list = app.get("/api/api-keys", &ada.token).send().await.text;
    let (one, table) = (read(&app, &ada.token, id).await.text, app.dump().await);
    let secret = key.split('_').nth(3).unwrap();
    for (place, text) in [("repeated", repeated), ("list", list), ("read", one), ("table", table)] {
        assert!(text.contains(id), "{place} shows the key");
        let found: Vec<_> =
            (0..=secret.len() - 8).filter(|at| text.contains(&secret[*at..*at + 8])).collect();
        assert_eq!(found, [0; 0], "{place}");
    }
}

#[tokio::test]
async fn scopes_that_no_key_can_hold_do_not_exist_or_are_missing_are_refused_where_they_stand() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for (scopes, expected) in [
        (json!([]), vec![field("/scopes", "too_few")]),
        (json!(null), vec![field("/scopes", "too_few")]),
        (json!("events:read"), vec![field("/scopes", "wrong_type")]),
        (json!(["events:read", "api_keys:write"]), vec![field("/scopes/1", "scope_not_held")]),
        (
            json!(["events:delete", "events:read", 7]),
            vec![field("/scopes/0", "unknown_scope"), field("/scopes/2", "wrong_type")],
        ),
        (json!(["*"]), vec![field("/scopes/0", "unknown_scope")]),
        (json!(vec!["events:read"; 12]), vec![field("/scopes", "too_many")]),
    ] {
        let answer = create(&app, &ada.token, &json!({ "name": "A key", "scopes": scopes })).send().await;
        assert_eq!(answer.field_problems(), expected, "{scopes}");
    }
    assert_eq!(ids(&app, &ada.token).await, [""; 0]);
}

#[tokio::test]
async fn a_member_gives_only_what_they_hold_and_a_viewer_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (bob, eve) = (app.register("bob@example.com").await, app.register("eve@example.com").await);
    let org = ada.org.parse().unwrap();
    let member = join(&app, &bob, org, Role::Member).await;
    let viewer = join(&app, &eve, org, Role::Viewer).await;
    let body = json!({ "name": "A key", "scopes": ["audit:read", "events:write", "members:write"] });
    let answer = create(&app, &member, &body).send().await;
    let found = json!({
        "detail": "2 fields are not right",
        "errors": [
            { "pointer": "/scopes/0", "code": "scope_not_held", "detail": "you do not hold `audit:read` yourself" },
            { "pointer": "/scopes/2", "code": "scope_not_held", "detail": "you do not hold `members:write` yourself" },
        ],
    });
    assert_problem(&answer, 422, "validation_failed", "Some fields are not right", &found);
    let made = create(&app, &member, &json!({ "name": "A key", "scopes": ["events:write"] }))
        .send()
        .await
        .expect(201);
    assert_eq!(made["created_by"], bob.user.as_str());
    let answer = create(&app, &viewer, &billing()).send().await;
    let detail = json!({ "detail": "this needs the scope `api_keys:write`" });
    assert_problem(&answer, 403, "insufficient_scope", "A scope is missing", &detail);
}

#[tokio::test]
async fn what_the_organisation_has_switched_off_nobody_gives() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let user = ada.user.parse().unwrap();
    for (modules, status, code) in
        [(vec![Module::ApiKeys], 422, "validation_failed"), (vec![Module::Webhooks], 403, "module_disabled")]
    {
        let id = OrgId::new(App::START, &app.core.entropy).unwrap();
        let name = "Frugal".parse().unwrap();
        let modules: Modules = modules.into_iter().collect();
        let organization = Organization { modules, ..Organization::new(id, name, App::START) };
        let owner = Membership { org: id, user, role: Role::Owner, joined_at: App::START };
        let transaction = app.core.table.transaction().put_organization(&organization, &owner).unwrap();
        transaction.commit().await.unwrap().unwrap();
        let token = signed_in(&app, user, id).await;
        assert_eq!(create(&app, &token, &billing()).send().await.problem(status), code);
    }
}

#[tokio::test]
async fn a_key_makes_no_keys() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["api_keys:read", "members:write", "organization:write"]).await;
    let answer = create(&app, &key, &billing()).send().await;
    assert_eq!(answer.problem(403), "insufficient_scope");
    assert_eq!(ids(&app, &ada.token).await.len(), 1);
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "name": "",
        "scopes": ["x"],
        "environment": "prod",
        "expires_at": 1_800_000_000,
        "metadata": { "a": 1 },
        "user_id": ada.user,
        "organization_id": ada.org,
        "key": "aif_live_mine",
    });
    let expected = [
        field("/name", "too_short"),
        field("/scopes/0", "unknown_scope"),
        field("/environment", "invalid_format"),
        field("/expires_at", "wrong_type"),
        field("/metadata", "wrong_type"),
        field("/key", "unknown_field"),
        field("/organization_id", "unknown_field"),
        field("/user_id", "unknown_field"),
    ];
    assert_eq!(create(&app, &ada.token, &body).send().await.field_problems(), expected);
}

#[tokio::test]
async fn a_key_expires_in_the_future() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.advance(60);
    for (expires_at, code) in [
        ("2025-12-31T23:59:59Z".to_owned(), "out_of_range"),
        (in_seconds(60).to_string(), "out_of_range"),
        ("2026-13-01T00:00:00Z".to_owned(), "invalid_format"),
        ("tomorrow".to_owned(), "invalid_format"),
    ] {
        let body = json!({ "name": "A key", "scopes": ["events:read"], "expires_at": expires_at });
        let answer = create(&app, &ada.token, &body).send().await;
        assert_eq!(answer.field_problems(), [field("/expires_at", code)], "{expires_at}");
    }
    let body = json!({ "name": "A key", "scopes": ["events:read"], "expires_at": in_seconds(61) });
    create(&app, &ada.token, &body).send().await.expect(201);
}

#[tokio::test]
async fn a_repeated_request_makes_one_key_and_never_shows_it_again() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let made = once(&app, &ada.token, "first", &billing()).send().await.expect(201);
    let before = app.dump().await;
    for _ in 0..2 {
        let answer = once(&app, &ada.token, "first", &billing()).send().await;
        let id = text(&made, "/id");
        let detail = format!("`{id}` was made by the first request, whose answer held the secret");
        let members = json!({ "detail": detail, "id": id });
        assert_problem(&answer, 409, "secret_already_shown", "The secret was shown once", &members);
    }
    assert_eq!(app.dump().await, before);
    assert_eq!(ids(&app, &ada.token).await, [text(&made, "/id")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_equal_requests_at_the_same_time_one_makes_a_key() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = items(&app).await;
    let answers = at_once((0..20).map(|_| once(&app, &ada.token, "first", &billing()))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 19));
    let id = won[0].json()["id"].clone();
    let told = |answer: &Answer| (answer.problem(409), answer.json()["id"].clone());
    for answer in &lost {
        assert_eq!(told(answer), ("secret_already_shown".to_owned(), id.clone()));
    }
    // The key from both sides, the record of the request, and the one in the audit log.
    assert_eq!(items(&app).await, before + 4);
}

#[tokio::test]
async fn one_idempotency_key_stands_for_one_body() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    once(&app, &ada.token, "first", &billing()).send().await.expect(201);
    let mut body = billing();
    body["environment"] = json!("test");
    let answer = once(&app, &ada.token, "first", &body).send().await;
    let detail = json!({ "detail": "this `Idempotency-Key` was used with another body" });
    assert_problem(&answer, 422, "idempotency_key_reused", "The key belongs to another request", &detail);
    assert_eq!(ids(&app, &ada.token).await.len(), 1);
    once(&app, &ada.token, "second", &body).send().await.expect(201);
}

#[tokio::test]
async fn a_request_that_was_refused_uses_no_idempotency_key_up() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let wrong = json!({ "name": "A key", "scopes": ["api_keys:write"] });
    once(&app, &ada.token, "first", &wrong).send().await.expect(422);
    once(&app, &ada.token, "first", &billing()).send().await.expect(201);
}

#[tokio::test]
async fn an_idempotency_key_is_kept_for_a_day() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let first = once(&app, &ada.token, "first", &billing()).send().await.expect(201);
    app.advance(DAY - 1);
    let token = signed_in_again(&app, &ada).await;
    assert_eq!(once(&app, &token, "first", &billing()).send().await.problem(409), "secret_already_shown");
    app.advance(1);
    let second = once(&app, &token, "first", &billing()).send().await.expect(201);
    assert_eq!(ids(&app, &token).await, [text(&second, "/id"), text(&first, "/id")]);
    let again = once(&app, &token, "first", &billing()).send().await;
    assert_eq!(again.expect(409)["id"], second["id"]);
}

#[tokio::test]
async fn an_idempotency_key_is_one_organisations_and_one_routes() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    for account in [&ada, &eve] {
        once(&app, &account.token, "first", &billing()).send().await.expect(201);
    }
    let event = json!({ "type": "a.b", "data": {} });
    app.post("/api/events", &ada.token, &event).header("idempotency-key", "first").send().await.expect(202);
}

#[tokio::test]
async fn an_idempotency_key_is_one_value_of_1_to_255_visible_characters() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let detail = json!({ "detail": "`Idempotency-Key` is one value of 1 to 255 visible ASCII characters" });
    for wrong in [String::new(), "a b".to_owned(), "a".repeat(256)] {
        let answer = once(&app, &ada.token, &wrong, &billing()).send().await;
        assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
    }
    let twice = once(&app, &ada.token, "a", &billing()).header("idempotency-key", "a").send().await;
    assert_problem(&twice, 400, "invalid_request", "The request cannot be understood", &detail);
    assert_eq!(ids(&app, &ada.token).await, [""; 0]);
    once(&app, &ada.token, &"a".repeat(255), &billing()).send().await.expect(201);
}
