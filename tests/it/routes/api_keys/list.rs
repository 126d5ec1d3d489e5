//! `GET /api/api-keys`.

use it::{Account, App};
use serde_json::{Value, json};

use super::{create, in_seconds, made, revoke};
use crate::routes::{assert_problem, text};

/// Keys that were made one second after the other, the oldest first.
async fn several(app: &App, account: &Account, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(made(app, account, &["events:read"], None).await.id);
        app.advance(1);
    }
    ids
}

async fn page(app: &App, token: &str, query: &str) -> Value {
    app.get(&format!("/api/api-keys?{query}"), token).send().await.expect(200)
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|key| text(key, "/id").to_owned()).collect()
}

#[tokio::test]
async fn an_organisation_without_keys_has_an_empty_page() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    assert_eq!(page(&app, &ada.token, "").await, json!({ "data": [], "next_cursor": null }));
}

#[tokio::test]
async fn keys_are_shown_newest_first_as_they_stand() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut expected = Vec::new();
    for (name, expires_at) in [("Old", Some(in_seconds(10))), ("Lost", None), ("Good", None)] {
        let body = json!({ "name": name, "scopes": ["events:read"], "expires_at": expires_at });
        let mut key = create(&app, &ada.token, &body).send().await.expect(201);
        key.as_object_mut().unwrap().remove("key");
        expected.insert(0, key);
        app.advance(1);
    }
    app.advance(7);
    revoke(&app, &ada.token, text(&expected[1], "/id")).await.expect(204);
    expected[1]["status"] = json!("revoked");
    expected[1]["revoked_at"] = json!("2026-01-01T00:00:10.000Z");
    expected[2]["status"] = json!("expired");
    let list = app.get("/api/api-keys/", &ada.token).send().await.expect(200);
    assert_eq!(list, json!({ "data": expected, "next_cursor": null }));
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut keys = several(&app, &ada, 5).await;
    keys.reverse();
    let first = page(&app, &ada.token, "limit=2").await;
    assert_eq!(ids(&first), keys[..2]);
    // What is made meanwhile is before the first page and moves nothing.
    several(&app, &ada, 1).await;
    let second = page(&app, &ada.token, &format!("limit=2&cursor={}", text(&first, "/next_cursor"))).await;
    assert_eq!(ids(&second), keys[2..4]);
    let last = page(&app, &ada.token, &format!("cursor={}&limit=2", text(&second, "/next_cursor"))).await;
    assert_eq!((ids(&last), &last["next_cursor"]), (keys[4..].to_vec(), &json!(null)));
}

#[tokio::test]
async fn a_page_that_holds_the_rest_is_the_last() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    several(&app, &ada, 2).await;
    for (limit, more) in [(1, true), (2, false), (100, false)] {
        let page = page(&app, &ada.token, &format!("limit={limit}")).await;
        assert_eq!(page["next_cursor"].is_string(), more, "{limit}");
    }
}

#[tokio::test]
async fn a_page_has_twenty_keys_if_nobody_says_otherwise() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    several(&app, &ada, 21).await;
    let first = page(&app, &ada.token, "").await;
    assert_eq!((ids(&first).len(), first["next_cursor"].is_string()), (20, true));
}

#[tokio::test]
async fn a_page_takes_one_query() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    several(&app, &ada, 3).await;
    page(&app, &ada.token, "").await;
    app.table_calls();
    page(&app, &ada.token, "limit=2").await;
    assert_eq!(app.table_calls(), ["Query"]);
}

#[tokio::test]
async fn a_limit_is_1_to_100() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for limit in ["0", "101", "-1", "x", "", "1.5", "18446744073709551617"] {
        let answer = app.get(&format!("/api/api-keys?limit={limit}"), &ada.token).send().await;
        let detail = json!({ "detail": "`limit` is a number from 1 to 100" });
        assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
    }
    let answer = app.get("/api/api-keys?state=active", &ada.token).send().await;
    let detail = json!({ "detail": "there is no query parameter `state` here" });
    assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
}

#[tokio::test]
async fn a_cursor_opens_the_list_that_it_came_from_and_no_other() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    several(&app, &ada, 2).await;
    let receiver = app.receiver().await;
    for _ in 0..2 {
        app.webhook(&ada, &receiver).await;
    }
    let own = text(&page(&app, &ada.token, "limit=1").await, "/next_cursor").to_owned();
    let webhooks = app.get("/api/webhooks?limit=1", &ada.token).send().await.expect(200);
    let (first, rest) = own.split_at(1);
    let changed = format!("{}{rest}", if first == "A" { "B" } else { "A" });
    for (token, cursor) in [
        (&eve.token, own.as_str()),
        (&ada.token, text(&webhooks, "/next_cursor")),
        (&ada.token, &changed),
        (&ada.token, &own[..own.len() - 2]),
        (&ada.token, "key_01kdvdna000w3ge1r70w3ge1r7"),
        (&ada.token, ""),
    ] {
        let answer = app.get(&format!("/api/api-keys?cursor={cursor}"), token).send().await;
        let detail = json!({ "detail": "`cursor` is not from this list" });
        assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
    }
    page(&app, &ada.token, &format!("cursor={own}")).await;
}

#[tokio::test]
async fn an_organisation_sees_its_own_keys_alone() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let hers = several(&app, &ada, 1).await;
    let of_eve = several(&app, &eve, 1).await;
    assert_eq!(ids(&page(&app, &ada.token, "").await), hers);
    assert_eq!(ids(&page(&app, &eve.token, "").await), of_eve);
}

#[tokio::test]
async fn a_key_that_may_read_keys_lists_itself() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let reader = made(&app, &ada, &["api_keys:read"], None).await;
    assert_eq!(ids(&page(&app, &reader.key, "").await), [reader.id]);
}
