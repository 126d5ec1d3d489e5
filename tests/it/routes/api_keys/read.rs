//! `GET /api/api-keys/{id}`.

use it::App;
use serde_json::json;

use super::{create, in_seconds, made, read};
use crate::routes::{anonymous, assert_problem, text};

#[tokio::test]
async fn a_key_is_read_as_it_was_made_but_for_its_text() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "name": "Billing",
        "scopes": ["events:write"],
        "expires_at": in_seconds(60),
        "metadata": { "team": "money" },
    });
    let mut expected = create(&app, &ada.token, &body).send().await.expect(201);
    expected.as_object_mut().unwrap().remove("key");
    let id = text(&expected, "/id").to_owned();
    assert_eq!(read(&app, &ada.token, &id).await.expect(200), expected);
    app.advance(60);
    expected["status"] = json!("expired");
    assert_eq!(read(&app, &ada.token, &id).await.expect(200), expected);
}

#[tokio::test]
async fn it_takes_one_read() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    app.table_calls();
    read(&app, &ada.token, &key.id).await.expect(200);
    assert_eq!(app.table_calls(), ["GetItem"]);
}

#[tokio::test]
async fn what_is_not_there_what_is_anothers_and_what_is_no_id_are_one_answer() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = made(&app, &ada, &["events:read"], None).await;
    let foreign = read(&app, &eve.token, &key.id).await;
    assert_problem(&foreign, 404, "not_found", "There is no such thing", &json!({}));
    for id in [
        "key_01kdvdna000w3ge1r70w3ge1r7",
        "nonsense",
        &key.id.to_uppercase(),
        &key.id.replace("key_", "whk_"),
        &eve.user,
        "%00",
        "%2e%2e",
    ] {
        assert_eq!(anonymous(&read(&app, &eve.token, id).await), anonymous(&foreign), "{id}");
    }
    read(&app, &ada.token, &key.id).await.expect(200);
}

#[tokio::test]
async fn a_key_reads_keys_of_its_own_organisation_if_it_may() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let (reader, other) =
        (made(&app, &ada, &["api_keys:read"], None).await, made(&app, &ada, &["events:read"], None).await);
    let foreign = made(&app, &eve, &["events:read"], None).await;
    for id in [&reader.id, &other.id] {
        assert_eq!(read(&app, &reader.key, id).await.expect(200)["id"], id.as_str());
    }
    assert_eq!(read(&app, &reader.key, &foreign.id).await.problem(404), "not_found");
    assert_eq!(read(&app, &other.key, &other.id).await.problem(403), "insufficient_scope");
}
