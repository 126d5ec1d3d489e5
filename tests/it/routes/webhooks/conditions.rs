//! `filter` of a webhook: conditions on the data of events.

use http::Method;
use it::{Account, App};
use serde_json::{Value, json};

async fn matched(app: &App, account: &Account, data: &str) -> u64 {
    let body = format!(r#"{{"type":"order.placed","data":{data}}}"#);
    let request = app.call(Method::POST, "/api/events").bearer(&account.token);
    request.body("application/json", body).send().await.expect(202)["matched"].as_u64().unwrap()
}

#[tokio::test]
async fn a_webhook_gets_the_events_whose_data_fulfils_all_of_its_conditions() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (gold, all) = (app.receiver().await, app.receiver().await);
    let filter = json!([
        { "path": "$.customer.plan", "op": "in", "value": ["gold", "silver"] },
        { "path": "$.lines[0]['unit price']", "op": "gt", "value": 9.5 },
        { "path": "$.test", "op": "ne", "value": true },
    ]);
    let body = json!({ "url": gold.url(), "filter": filter });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    assert_eq!(made["filter"], filter);
    app.webhook(&ada, &all).await;
    for (data, webhooks) in [
        (r#"{"customer":{"plan":"gold"},"lines":[{"unit price":10}]}"#, 2),
        (r#"{"customer":{"plan":"gold"},"lines":[{"unit price":10}],"test":false}"#, 2),
        (r#"{"customer":{"plan":"gold"},"lines":[{"unit price":10}],"test":true}"#, 1),
        (r#"{"customer":{"plan":"lead"},"lines":[{"unit price":10}]}"#, 1),
        (r#"{"customer":{"plan":"gold"},"lines":[{"unit price":"10"}]}"#, 1),
        (r#"{"customer":{"plan":"gold"},"lines":[]}"#, 1),
        (r#"{"customer":{"plan":"gold"},"lines":[{"unit price":10}],"huge":1E400}"#, 1),
    ] {
        assert_eq!(matched(&app, &ada, data).await, webhooks, "{data}");
    }
    app.drain().await;
    assert_eq!((gold.calls().len(), all.calls().len()), (2, 7));

    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let patch = async |filter: Value| {
        let patch = app.call(Method::PATCH, &path).bearer(&ada.token).json(&json!({ "filter": filter }));
        patch.send().await.expect(200)["filter"].clone()
    };
    let other = json!([{ "path": "$.id", "op": "prefix", "value": "in_" }]);
    assert_eq!(patch(other.clone()).await, other);
    assert_eq!(matched(&app, &ada, r#"{"id":"in_7"}"#).await, 2);
    assert_eq!(patch(json!(null)).await, json!([]));
    assert_eq!(matched(&app, &ada, "{}").await, 2);
}

#[tokio::test]
async fn a_batch_is_looked_through_event_by_event() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let filter = json!([{ "path": "$.n", "op": "lt", "value": 2 }]);
    let body = json!({ "url": "http://127.0.0.1:4000/", "filter": filter });
    app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let events: Value = (0..4).map(|n| json!({ "type": "a.b", "data": { "n": n } })).collect();
    let answer = app.post("/api/events/batch", &ada.token, &json!({ "events": events })).send().await;
    let results = answer.expect(200)["data"].as_array().unwrap().clone();
    let matched: Vec<_> = results.iter().map(|result| result["event"]["matched"].as_u64().unwrap()).collect();
    assert_eq!(matched, [1, 1, 0, 0]);
}

#[tokio::test]
async fn operational_events_are_told_on_the_same_conditions() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let filter = json!([{ "path": "$.name", "op": "eq", "value": "Billing" }]);
    let body = json!({ "url": receiver.url(), "event_types": ["api_key.created"], "filter": filter });
    app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    for name in ["Billing", "Search"] {
        let body = json!({ "name": name, "scopes": ["events:read"] });
        app.post("/api/api-keys", &ada.token, &body).send().await.expect(201);
    }
    app.drain().await;
    let told: Vec<_> = receiver.calls().iter().map(|call| call.json()["data"]["name"].clone()).collect();
    assert_eq!(told, ["Billing"]);
}

#[tokio::test]
async fn conditions_that_cannot_be_are_named_by_their_place() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let of = |op: &str, value: Value| json!({ "path": "$.a", "op": op, "value": value });
    let filter = json!([
        of("eq", json!(null)),
        { "path": "a.b", "op": "like", "value": 1 },
        { "path": 7, "op": "eq", "more": true },
        "no object",
        of("in", json!([["nested"]])),
        of("in", json!(vec![1; 51])),
        of("exists", json!("yes")),
        of("prefix", json!(1)),
        of("gt", json!(null)),
        of("eq", json!("x".repeat(2048))),
    ]);
    let body = json!({ "url": "http://127.0.0.1:4000/", "filter": filter });
    let expected = [
        ("/filter/1/path", "invalid_path"),
        ("/filter/1/op", "unknown_operator"),
        ("/filter/2/path", "wrong_type"),
        ("/filter/2/value", "required"),
        ("/filter/2/more", "unknown_field"),
        ("/filter/3", "wrong_type"),
        ("/filter/4/value", "wrong_type"),
        ("/filter/5/value", "wrong_type"),
        ("/filter/6/value", "wrong_type"),
        ("/filter/7/value", "wrong_type"),
        ("/filter/8/value", "wrong_type"),
        ("/filter/9/value", "too_long"),
    ];
    assert_eq!(
        app.post("/api/webhooks", &ada.token, &body).send().await.field_problems(),
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    for (filter, code) in
        [(json!({}), "wrong_type"), (json!(vec![of("exists", json!(true)); 11]), "too_many")]
    {
        let body = json!({ "url": "http://127.0.0.1:4000/", "filter": filter });
        let answer = app.post("/api/webhooks", &ada.token, &body).send().await;
        assert_eq!(answer.field_problems(), [("/filter".to_owned(), code.to_owned())]);
    }
}
