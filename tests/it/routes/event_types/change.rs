//! `PATCH` and `DELETE /api/event-types/{name}`

use http::Method;
use it::{Account, Answer, App};
use serde_json::{Value, json};

async fn patch(app: &App, account: &Account, body: Value) -> Answer {
    app.call(Method::PATCH, "/api/event-types/a.b").bearer(&account.token).json(&body).send().await
}

#[tokio::test]
async fn a_patch_changes_what_it_names_clears_what_is_null_and_keeps_the_rest() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "name": "a.b", "description": "old", "schema": { "type": "object" } });
    app.post("/api/event-types", &ada.token, &body).send().await.expect(201);
    app.advance(5);
    let changed = patch(&app, &ada, json!({ "description": null, "enforce": true })).await.expect(200);
    assert_eq!(
        changed,
        json!({
            "name": "a.b",
            "description": null,
            "schema": { "type": "object" },
            "enforce": true,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:05.000Z",
        })
    );
    let answer = patch(&app, &ada, json!({ "schema": null })).await;
    assert_eq!(answer.field_problems(), [("/enforce".to_owned(), "schema_missing".to_owned())]);
    let answer = patch(&app, &ada, json!({ "schema": { "minimum": "1" }, "name": "c" })).await;
    let expected = [("/schema", "invalid_schema"), ("/name", "unknown_field")];
    assert_eq!(answer.field_problems(), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    assert_eq!(app.get("/api/event-types/a.b", &ada.token).send().await.expect(200), changed);
    let cleared = patch(&app, &ada, json!({ "schema": null, "enforce": null })).await.expect(200);
    assert_eq!((&cleared["schema"], &cleared["enforce"]), (&json!(null), &json!(false)));
}

#[tokio::test]
async fn a_deleted_type_is_gone_and_stays_gone_and_another_organisations_is_not_there() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    app.post("/api/event-types", &ada.token, &json!({ "name": "a.b" })).send().await.expect(201);
    let delete =
        |account: &Account| app.call(Method::DELETE, "/api/event-types/a.b").bearer(&account.token).send();
    assert_eq!(patch(&app, &eve, json!({ "enforce": false })).await.problem(404), "not_found");
    assert_eq!(delete(&eve).await.problem(404), "not_found");
    delete(&ada).await.expect(204);
    assert_eq!(delete(&ada).await.problem(404), "not_found");
    assert_eq!(patch(&app, &ada, json!({ "enforce": false })).await.problem(404), "not_found");
}
