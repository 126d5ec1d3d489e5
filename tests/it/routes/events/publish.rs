//! `POST /api/events`

use http::Method;
use it::App;
use serde_json::{Value, json};

#[tokio::test]
async fn an_accepted_event_is_stored_and_queued_for_each_webhook_that_subscribes() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut webhooks = Vec::new();
    for types in
        [json!([]), json!(["invoice.*"]), json!(["invoice.paid"]), json!(["user.*"]), json!(["invoice"])]
    {
        let body = json!({ "url": "http://127.0.0.1:4000/", "event_types": types });
        webhooks.push(app.post("/api/webhooks", &ada.token, &body).send().await.expect(201)["id"].clone());
    }
    let body = json!({ "type": "invoice.paid", "data": { "n": 1 } });
    let answer = app.post("/api/events/", &ada.token, &body).send().await.expect(202);
    let id = answer["id"].as_str().unwrap();
    assert_eq!(
        answer,
        json!({ "id": id, "type": "invoice.paid", "created_at": "2026-01-01T00:00:00.000Z", "matched": 3 })
    );
    let mut tasks: Vec<Value> = app.messages().iter().map(it::Message::json).collect();
    tasks.sort_by_key(|task| task["webhook"].as_str().unwrap().to_owned());
    let mut expected = webhooks[..3].to_vec();
    expected.sort_by_key(|id| id.as_str().unwrap().to_owned());
    let task = |webhook: &Value| {
        json!({
            "version": 1,
            "organization": ada.org,
            "event": id,
            "webhook": webhook,
            "attempt": 1,
            "not_before": "2026-01-01T00:00:00.000Z",
        })
    };
    assert_eq!(tasks, expected.iter().map(task).collect::<Vec<_>>());
    assert!(app.messages().iter().all(|message| message.json()["webhook"] == message.group.as_str()));
}

#[tokio::test]
async fn a_key_publishes_and_what_it_costs_is_one_query_and_one_put() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["events:write"]).await;
    let body = json!({ "type": "a.b", "data": {} });
    app.table_calls();
    app.post("/api/events", &key, &body).send().await.expect(202);
    assert_eq!(
        app.table_calls(),
        ["GetItem", "BatchGetItem", "UpdateItem", "GetItem", "PutItem", "Query", "PutItem"],
        "cold: who is calling, that the key was used, the type, who publishes this hour, then the event"
    );
    app.post("/api/events", &key, &body).send().await.expect(202);
    assert_eq!(app.table_calls(), ["Query", "PutItem"], "warm");
}

#[tokio::test]
async fn more_webhooks_than_a_publisher_can_wait_for_are_fanned_out_by_the_dispatcher() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for _ in 0..23 {
        let body = json!({ "url": "http://127.0.0.1:4000/" });
        app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    }
    let body = json!({ "type": "a.b", "data": {} });
    let answer = app.post("/api/events", &ada.token, &body).send().await.expect(202);
    assert_eq!((answer["matched"].as_u64(), app.messages().len()), (Some(23), 1));
    // The first time the queue refuses, and the message comes again.
    let fan_out = app.receive();
    app.queue_is_down_for(100);
    assert_eq!(app.dispatch(&fan_out).await, [fan_out[0].id.clone()]);
    app.queue_is_down_for(0);
    app.queue_is_partly_down_for(2);
    assert_eq!(app.dispatch(&fan_out).await, [""; 0]);
    let webhooks: std::collections::BTreeSet<_> =
        app.messages().iter().map(|message| message.json()["webhook"].to_string()).collect();
    assert_eq!((webhooks.len(), app.messages().len()), (23, 23));
}

#[tokio::test]
async fn nothing_is_accepted_while_the_queue_refuses() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.webhook(&ada, &app.receiver().await).await;
    let body = json!({ "type": "a.b", "data": {} });
    app.queue_is_down_for(100);
    let answer = app.post("/api/events", &ada.token, &body).send().await;
    assert_eq!((answer.problem(503), answer.header("retry-after")), ("unavailable".to_owned(), Some("1")));
    app.queue_is_down_for(0);
    app.queue_is_partly_down_for(100);
    assert_eq!(app.post("/api/events", &ada.token, &body).send().await.problem(503), "unavailable");
    assert_eq!(app.messages().len(), 0);
}

#[tokio::test]
async fn data_reaches_the_receiver_as_it_was_written() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let data = r#"{"z": 1.0, "a":12345678901234567890123.50, "text":"é\u0000\ud83e\udd80", "e":1E400}"#;
    let body = format!(r#"{{"data": {data}, "type":"a.b"}}"#);
    let accepted =
        app.call(Method::POST, "/api/events").bearer(&ada.token).body("application/json", body).send().await;
    let id = accepted.expect(202)["id"].as_str().unwrap().to_owned();
    app.drain().await;
    let expected = format!(r#"{{"type":"a.b","timestamp":"2026-01-01T00:00:00.000Z","data":{data}}}"#);
    assert_eq!(String::from_utf8(receiver.next_call().await.body.to_vec()).unwrap(), expected);
    let shown = app.get(&format!("/api/events/{id}"), &ada.token).send().await;
    assert!(shown.text.contains(data), "{}", shown.text);
}

#[tokio::test]
async fn bad_events_are_refused_field_by_field_and_nothing_is_stored() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let before = app.dump().await;
    for (body, expected) in [
        (json!({}), vec![("/type", "required"), ("/data", "required")]),
        (
            json!({ "type": "a b", "data": [] }),
            vec![("/type", "invalid_event_type"), ("/data", "wrong_type")],
        ),
        (json!({ "type": 7, "data": null }), vec![("/type", "wrong_type"), ("/data", "required")]),
        (json!({ "type": "a", "data": {}, "id": "é" }), vec![("/id", "invalid_format")]),
        (json!({ "type": "a", "data": {}, "user_id": "x" }), vec![("/user_id", "unknown_field")]),
    ] {
        let problems = app.post("/api/events", &ada.token, &body).send().await.field_problems();
        let expected: Vec<_> = expected.into_iter().map(|(p, c)| (p.to_owned(), c.to_owned())).collect();
        assert_eq!(problems, expected, "{body}");
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn bodies_that_are_too_large_too_deep_broken_or_not_json_are_refused() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let post = |content_type: &'static str, body: String| {
        app.call(Method::POST, "/api/events").bearer(&ada.token).body(content_type, body).send()
    };
    let event = |data: &str| format!(r#"{{"type":"a","data":{data}}}"#);
    let large = event(&format!(r#"{{"x":"{}"}}"#, "y".repeat(300 * 1024)));
    assert_eq!(post("application/json", large).await.problem(413), "payload_too_large");
    let deep = event(&format!(r#"{{"x":{}{}}}"#, "[".repeat(64), "]".repeat(64)));
    assert_eq!(post("application/json", deep).await.problem(400), "malformed_json");
    let broken = post("application/json", "{\"type\":\n oops}".to_owned()).await;
    assert_eq!(broken.problem(400), "malformed_json");
    assert_eq!(broken.json()["detail"], "line 2, column 2: expected value");
    assert_eq!(post("text/plain", event("{}")).await.problem(415), "unsupported_media_type");
    assert_eq!(
        post("application/json; charset=utf-16", event("{}")).await.problem(415),
        "unsupported_media_type"
    );
    post("application/json; charset=utf-8", event("{}")).await.expect(202);
}

#[tokio::test]
async fn the_largest_event_that_is_taken_arrives() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let frame = r#"{"type":"a","data":{"x":""}}"#.len();
    let body = format!(r#"{{"type":"a","data":{{"x":"{}"}}}}"#, "y".repeat(256 * 1024 - frame));
    let request = app.call(Method::POST, "/api/events").bearer(&ada.token);
    request.body("application/json", body).send().await.expect(202);
    app.drain().await;
    assert!(receiver.next_call().await.body.len() > 256 * 1024);
}

#[tokio::test]
async fn a_webhook_that_names_channels_gets_what_is_in_one_of_them_and_others_get_all() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (north, both, all) = (app.receiver().await, app.receiver().await, app.receiver().await);
    for (receiver, channels) in
        [(&north, json!(["north"])), (&both, json!(["north", "south:2"])), (&all, json!([]))]
    {
        let body = json!({ "url": receiver.url(), "channels": channels });
        let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
        assert_eq!(made["channels"], channels);
    }
    for (channels, matched) in
        [(json!(null), 1), (json!(["north"]), 3), (json!(["south:2", "west"]), 2), (json!(["west"]), 1)]
    {
        let body = json!({ "type": "a.b", "data": {}, "channels": channels });
        let answer = app.post("/api/events", &ada.token, &body).send().await.expect(202);
        assert_eq!(answer["matched"], matched, "{channels}");
    }
    app.drain().await;
    assert_eq!([&north, &both, &all].map(|receiver| receiver.calls().len()), [1, 2, 4]);
    let odd = json!({ "type": "a.b", "data": {}, "channels": ["north", "no spaces"] });
    let answer = app.post("/api/events", &ada.token, &odd).send().await;
    assert_eq!(answer.field_problems(), [("/channels/1".to_owned(), "invalid_format".to_owned())]);
}
