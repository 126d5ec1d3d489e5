//! `POST /api/event-types` and `GET /api/event-types/{name}`

use http::Method;
use it::App;
use serde_json::json;

#[tokio::test]
async fn a_type_that_was_written_down_is_shown_with_its_schema_as_it_was_written() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let schema = r#"{"type": "object",  "properties": {"z": {"maximum": 1.0}, "a": {}}}"#;
    let body = format!(r#"{{"name":"invoice.paid","description":"Paid","schema":{schema},"enforce":true}}"#);
    let request = app.call(Method::POST, "/api/event-types").bearer(&ada.token);
    let made = request.body("application/json", body).send().await;
    assert_eq!(
        made.expect(201),
        json!({
            "name": "invoice.paid",
            "description": "Paid",
            "schema": { "type": "object", "properties": { "z": { "maximum": 1.0 }, "a": {} } },
            "enforce": true,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        })
    );
    let shown = app.get("/api/event-types/invoice.paid", &ada.token).send().await;
    assert_eq!(shown.expect(200), made.json());
    assert!(shown.text.contains(schema), "{}", shown.text);
    let eve = app.register("eve@example.com").await;
    for (path, token) in [
        ("/api/event-types/invoice.paid", &eve.token),
        ("/api/event-types/invoice", &ada.token),
        ("/api/event-types/no%20type", &ada.token),
    ] {
        assert_eq!(app.get(path, token).send().await.problem(404), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_type_is_written_down_once_and_a_repeated_request_is_answered_again() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let create = |body: serde_json::Value| app.post("/api/event-types", &ada.token, &body);
    let body = json!({ "name": "a.b" });
    let first = create(body.clone()).header("idempotency-key", "one").send().await.expect(201);
    assert_eq!(
        first,
        json!({
            "name": "a.b",
            "description": null,
            "schema": null,
            "enforce": false,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(create(body.clone()).header("idempotency-key", "one").send().await.expect(201), first);
    assert_eq!(create(body).send().await.problem(409), "conflict");
    let other = create(json!({ "name": "a.c" })).header("idempotency-key", "one");
    assert_eq!(other.send().await.problem(422), "idempotency_key_reused");
}

#[tokio::test]
async fn types_that_cannot_be_are_refused_field_by_field() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let large = json!({ "description": "x".repeat(32 * 1024) });
    for (body, expected) in [
        (json!({}), vec![("/name", "required")]),
        (
            json!({ "name": "a b", "description": 7, "enforce": "yes", "more": 1 }),
            vec![
                ("/name", "invalid_event_type"),
                ("/description", "wrong_type"),
                ("/enforce", "wrong_type"),
                ("/more", "unknown_field"),
            ],
        ),
        (json!({ "name": "webhook.test" }), vec![("/name", "reserved_event_type")]),
        (json!({ "name": "a", "schema": true }), vec![("/schema", "wrong_type")]),
        (json!({ "name": "a", "schema": { "type": "objekt" } }), vec![("/schema", "invalid_schema")]),
        (
            json!({ "name": "a", "schema": { "$ref": "https://example.com/s.json" } }),
            vec![("/schema", "invalid_schema")],
        ),
        (json!({ "name": "a", "schema": large }), vec![("/schema", "too_long")]),
        (json!({ "name": "a", "enforce": true }), vec![("/enforce", "schema_missing")]),
    ] {
        let problems = app.post("/api/event-types", &ada.token, &body).send().await.field_problems();
        let expected: Vec<_> = expected.into_iter().map(|(p, c)| (p.to_owned(), c.to_owned())).collect();
        assert_eq!(problems, expected, "{body}");
    }
    let list = app.get("/api/event-types", &ada.token).send().await.expect(200);
    assert_eq!(list, json!({ "data": [], "next_cursor": null }));
}

#[tokio::test]
async fn an_organisation_has_two_hundred_types_at_the_most() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for n in 0..200 {
        let registered = shared::event_type::RegisteredType {
            org: ada.org.parse().unwrap(),
            name: format!("kind.n{n:03}").parse().unwrap(),
            description: None,
            schema: None,
            enforce: false,
            created_at: App::START,
            updated_at: App::START,
            version: 1,
        };
        let table = &app.core.table;
        table.transaction().put_event_type(&registered).unwrap().commit().await.unwrap().unwrap();
    }
    let answer = app.post("/api/event-types", &ada.token, &json!({ "name": "a" })).send().await;
    assert_eq!(answer.problem(409), "limit_reached");
}
