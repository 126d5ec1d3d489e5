//! `POST /api/events/batch`.

use it::{Account, App, Request};
use serde_json::{Value, json};

fn batch(app: &App, account: &Account, events: &Value) -> Request {
    app.post("/api/events/batch", &account.token, &json!({ "events": events }))
}

fn statuses(answer: &Value) -> Vec<u64> {
    answer["data"].as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

fn ids(answer: &Value) -> Vec<Value> {
    answer["data"].as_array().unwrap().iter().map(|result| result["event"]["id"].clone()).collect()
}

/// The numbers in the data of what arrived, in their order.
fn arrived(receiver: &stack::Receiver) -> Vec<u64> {
    let mut numbers: Vec<_> =
        receiver.calls().iter().map(|call| call.json()["data"]["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn each_event_has_a_result_of_its_own_in_its_place() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let events = json!([
        { "type": "a.b", "data": { "n": 0 } },
        { "type": "a b", "data": [], "more": 1 },
        7,
        { "type": "api_key.revoked", "data": {} },
        { "type": "a.b", "data": { "n": 4 } },
    ]);
    let answer = batch(&app, &ada, &events).send().await.expect(200);
    assert_eq!(statuses(&answer), [202, 422, 422, 422, 202]);
    let wrong = &answer["data"][1]["problem"];
    let pointers: Vec<_> =
        wrong["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/type", "/data", "/more"]);
    assert_eq!(answer["data"][3]["problem"]["errors"][0]["code"], "reserved_event_type");
    assert_eq!(answer["data"][0]["event"]["matched"], 1);
    app.drain().await;
    assert_eq!(arrived(&receiver), [0, 4]);
}

#[tokio::test]
async fn a_repetition_publishes_what_the_first_request_did_not_and_nothing_twice() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let events: Value = (0..20).map(|n| json!({ "type": "a.b", "data": { "n": n } })).collect();
    let send = async || batch(&app, &ada, &events).header("idempotency-key", "once").send().await.expect(200);
    // Each event asks the queue three times before it gives up.
    app.queue_is_down_for(30);
    let first = send().await;
    assert!(statuses(&first).contains(&503), "{first}");
    app.queue_is_down_for(0);
    let second = send().await;
    assert_eq!(statuses(&second), [202; 20]);
    for (place, id) in ids(&first).iter().enumerate().filter(|(_, id)| !id.is_null()) {
        assert_eq!(ids(&second)[place], *id);
    }
    assert_eq!(ids(&send().await), ids(&second));
    app.drain().await;
    assert_eq!(arrived(&receiver), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_event_under_the_same_key_is_told_so_alone() {
    let (app, ada, _receiver, _) = App::with_webhook().await;
    let with = |n: u64| json!([{ "type": "a.b", "data": { "n": 0 } }, { "type": "a.b", "data": { "n": n } }]);
    let send = async |events: Value| batch(&app, &ada, &events).header("idempotency-key", "k").send().await;
    send(with(1)).await.expect(200);
    let again = send(with(2)).await.expect(200);
    assert_eq!(statuses(&again), [202, 422]);
    assert_eq!(again["data"][1]["problem"]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_batch_has_one_to_a_hundred_events_and_reads_the_webhooks_once() {
    let (app, ada, _receiver, _) = App::with_webhook().await;
    let event = json!({ "type": "a.b", "data": {} });
    for (events, code) in
        [(json!([]), "out_of_range"), (json!(vec![&event; 101]), "out_of_range"), (json!(7), "wrong_type")]
    {
        let answer = batch(&app, &ada, &events).send().await;
        assert_eq!(answer.field_problems(), [("/events".to_owned(), code.to_owned())]);
    }
    let nothing = app.post("/api/events/batch", &ada.token, &json!({})).send().await;
    assert_eq!(nothing.field_problems(), [("/events".to_owned(), "required".to_owned())]);
    app.table_calls();
    let answer = batch(&app, &ada, &json!(vec![&event; 100])).send().await.expect(200);
    assert_eq!(statuses(&answer), [202; 100]);
    let calls = app.table_calls();
    assert_eq!(calls.iter().filter(|call| *call == "Query").count(), 1);
    // The events, and at most once for each of those at work at the same time, that somebody publishes.
    let puts = calls.iter().filter(|call| *call == "PutItem").count();
    assert!((101..=108).contains(&puts), "{puts}");
}
