//! What `enforce` of a type does to `POST /api/events` and `POST /api/events/batch`.

use http::Method;
use it::{Account, Answer, App};
use serde_json::{Value, json};

async fn with_type() -> (App, Account) {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let price = json!({ "type": "number", "minimum": 0 });
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "properties": { "items": { "items": { "properties": { "price": price } } } },
    });
    let body = json!({ "name": "order.placed", "schema": schema, "enforce": true });
    app.post("/api/event-types", &ada.token, &body).send().await.expect(201);
    (app, ada)
}

async fn publish(app: &App, account: &Account, kind: &str, data: Value) -> Answer {
    app.post("/api/events", &account.token, &json!({ "type": kind, "data": data })).send().await
}

async fn patch(app: &App, account: &Account, body: Value) {
    let patch = app.call(Method::PATCH, "/api/event-types/order.placed").bearer(&account.token);
    patch.json(&body).send().await.expect(200);
}

#[tokio::test]
async fn data_that_does_not_match_is_refused_with_its_places_and_nothing_is_stored() {
    let (app, ada) = with_type().await;
    publish(&app, &ada, "order.placed", json!({ "id": 1, "items": [{ "price": 2 }] })).await.expect(202);
    let before = app.dump().await;
    let data = json!({ "items": [{ "price": "free" }, { "price": -1 }] });
    let mut problems = publish(&app, &ada, "order.placed", data).await.field_problems();
    problems.sort_unstable();
    let expected = ["/data", "/data/items/0/price", "/data/items/1/price"];
    assert_eq!(problems, expected.map(|pointer| (pointer.to_owned(), "schema_violation".to_owned())));
    let huge = r#"{"type":"order.placed","data":{"id":1E400}}"#;
    let request = app.call(Method::POST, "/api/events").bearer(&ada.token);
    let answer = request.body("application/json", huge).send().await;
    assert_eq!(answer.field_problems(), [("/data".to_owned(), "invalid_format".to_owned())]);
    assert_eq!(app.dump().await, before);
    let many = json!({ "id": 1, "items": vec![json!({ "price": "x" }); 9] });
    assert_eq!(publish(&app, &ada, "order.placed", many).await.field_problems().len(), 5);
    publish(&app, &ada, "order.placed.late", json!({})).await.expect(202);
    let eve = app.register("eve@example.com").await;
    publish(&app, &eve, "order.placed", json!({})).await.expect(202);
}

#[tokio::test]
async fn in_a_batch_the_others_go_on() {
    let (app, ada) = with_type().await;
    let event = |data: Value| json!({ "type": "order.placed", "data": data });
    let events = json!([event(json!({ "id": 1 })), event(json!({})), event(json!({ "id": 2 }))]);
    let answer = app.post("/api/events/batch", &ada.token, &json!({ "events": events })).send().await;
    let results = answer.expect(200)["data"].as_array().unwrap().clone();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 422, 202]);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/data");
}

#[tokio::test]
async fn a_change_is_obeyed_at_once_where_it_was_made_and_within_five_seconds_elsewhere() {
    let (app, ada) = with_type().await;
    assert_eq!(publish(&app, &ada, "order.placed", json!({})).await.problem(422), "validation_failed");
    patch(&app, &ada, json!({ "enforce": false })).await;
    publish(&app, &ada, "order.placed", json!({})).await.expect(202);

    // Another process wrote it.
    let (org, name) = (ada.org.parse().unwrap(), "order.placed".parse().unwrap());
    let mut registered = app.core.table.event_type(org, &name).await.unwrap().unwrap();
    (registered.enforce, registered.version) = (true, registered.version + 1);
    let transaction = app.core.table.transaction();
    transaction.update_event_type(&registered).unwrap().commit().await.unwrap().unwrap();
    app.table_calls();
    app.advance(4);
    publish(&app, &ada, "order.placed", json!({})).await.expect(202);
    assert!(!app.table_calls().contains(&"GetItem".to_owned()), "what is remembered is not read");
    app.advance(1);
    assert_eq!(publish(&app, &ada, "order.placed", json!({})).await.problem(422), "validation_failed");
    app.call(Method::DELETE, "/api/event-types/order.placed").bearer(&ada.token).send().await.expect(204);
    publish(&app, &ada, "order.placed", json!({})).await.expect(202);
}

#[tokio::test]
async fn what_was_refused_uses_up_no_key_and_what_was_accepted_stays_accepted() {
    let (app, ada) = with_type().await;
    let publish = |data: Value| {
        let body = json!({ "type": "order.placed", "data": data });
        app.post("/api/events", &ada.token, &body).header("idempotency-key", "k").send()
    };
    assert_eq!(publish(json!({})).await.problem(422), "validation_failed");
    let accepted = publish(json!({ "id": 1 })).await.expect(202);
    patch(&app, &ada, json!({ "schema": { "required": ["id", "more"] } })).await;
    assert_eq!(publish(json!({ "id": 1 })).await.expect(202), accepted);
}
