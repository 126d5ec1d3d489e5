//! The sweeper: what is due later than the queue can wait, what was forgotten, and dead letters.

use it::{Account, App, MadeWebhook};
use serde_json::{Value, json};
use stack::Receiver;

const EMAIL: &str = "ada@example.com";

/// Fails a delivery three times: the fourth attempt is due in half an hour or so.
async fn failing(app: &App, ada: &Account, receiver: &Receiver, webhook: &MadeWebhook) -> (String, Value) {
    receiver.otherwise(500);
    let event = app.publish(ada, "a.b", &json!({})).await;
    app.drain().await;
    for seconds in [6, 361] {
        app.advance(seconds);
        app.drain().await;
    }
    let delivery = app.delivery(ada, &event, &webhook.id).await;
    assert_eq!(delivery["attempts"], 3);
    (event, delivery)
}

fn swept(due: usize, events: usize) -> Value {
    json!({ "due": due, "events": events })
}

#[tokio::test]
async fn an_attempt_that_is_due_later_waits_in_the_table_and_is_made_to_the_second() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let (_, delivery) = failing(&app, &ada, &receiver, &webhook).await;
    assert!(app.messages().is_empty(), "it is not in the queue");
    let due: shared::clock::Timestamp = delivery["next_attempt_at"].as_str().unwrap().parse().unwrap();
    let wait = due.since(app.core.clock.now()).as_secs();
    assert!((1440..=2160).contains(&wait), "half an hour, give or take a fifth: {wait}");
    app.advance(wait - 360);
    assert_eq!(app.sweep().await, swept(0, 0), "it is more than five minutes away");
    app.advance(60);
    assert_eq!(app.sweep().await, swept(1, 0));
    assert_eq!(app.sweep().await, swept(0, 0), "once");
    app.drain().await;
    app.advance(299);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 3, "not before its time");
    app.advance(2);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 4);
}

#[tokio::test]
async fn a_failed_attempt_and_the_next_one_are_one_write() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.otherwise(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.advance(6);
    app.drain().await;
    app.advance(361);
    let batch = app.receive();
    // Nothing is left for the queue to lose.
    app.queue_is_down_for(100);
    assert_eq!(app.dispatch(&batch).await, [""; 0]);
    app.queue_is_down_for(0);
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["attempts"], 3);
    // A copy of the message neither sends the next attempt nor makes it.
    app.enqueue(&batch[0].body);
    app.drain().await;
    app.enqueue(&batch[0].body);
    assert_eq!(app.dispatch(&app.receive()).await, [""; 0]);
    assert!(app.messages().is_empty());
}

#[tokio::test]
async fn hours_that_were_missed_are_caught_up() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    failing(&app, &ada, &receiver, &webhook).await;
    receiver.otherwise(200);
    app.advance(5 * 3600);
    assert_eq!(app.sweep().await["due"], 1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 4);
}

#[tokio::test]
async fn the_first_run_of_a_new_stack_finds_what_was_due_before_it() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    failing(&app, &ada, &receiver, &webhook).await;
    receiver.otherwise(200);
    app.advance(90 * 60);
    assert_eq!(app.sweep().await["due"], 1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 4);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_costs_time_and_no_attempt() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    failing(&app, &ada, &receiver, &webhook).await;
    app.advance(2400);
    app.queue_is_down_for(100);
    assert_eq!(app.sweep_result().await, Err("the queue failed".to_owned()));
    app.queue_is_down_for(0);
    assert_eq!(app.sweep().await["due"], 1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 4);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_holds_up_no_other() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    failing(&app, &ada, &receiver, &webhook).await;
    let dump = app.dump().await;
    let item = dump.lines().find(|item| item.contains("\"due#")).unwrap();
    let item: Value = serde_json::from_str(item).unwrap();
    let key = |name: &str| item[name].as_str().unwrap().to_owned();
    failing(&app, &ada, &receiver, &webhook).await;
    app.damage(&key("pk"), &key("sk"), "attempt").await;
    app.advance(2400);
    assert_eq!(app.sweep().await["due"], 1);
    assert_eq!(app.sweep().await, swept(0, 0), "the minute is done");
}

#[tokio::test]
async fn two_sweepers_at_once_make_one_attempt() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    failing(&app, &ada, &receiver, &webhook).await;
    app.advance(2400);
    let (one, other) = tokio::join!(app.sweep(), app.sweep());
    assert!((1..=2).contains(&(one["due"].as_u64().unwrap() + other["due"].as_u64().unwrap())));
    // One after the other, as the queue hands them out.
    while let [message, ..] = app.receive().as_slice() {
        app.dispatch(std::slice::from_ref(message)).await;
        app.advance(240);
    }
    assert_eq!(receiver.calls().len(), 4);
}

#[tokio::test]
async fn events_that_never_came_into_the_queue_are_found_within_the_hour_and_a_quarter() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.sweep().await;
    app.publish(&ada, "a.b", &json!({ "n": 1 })).await;
    app.drain().await;
    app.queue_is_down_for(100);
    let body = json!({ "type": "a.b", "data": { "n": 2 } });
    let refused = app.post("/api/events", &ada.token, &body).send().await;
    assert_eq!(refused.problem(503), "unavailable");
    app.queue_is_down_for(0);
    app.advance(3600 + 899);
    assert_eq!(app.sweep().await, swept(0, 0), "it may still be on its way");
    app.advance(1);
    assert_eq!(app.sweep().await, swept(0, 1), "and only the one that is missing");
    app.drain().await;
    let sent: Vec<_> = receiver.calls().iter().map(|call| call.json()["data"]["n"].clone()).collect();
    assert_eq!(sent, [1, 2]);
    app.advance(3600);
    assert_eq!(app.sweep().await, swept(0, 0));
}

#[tokio::test]
async fn who_publishes_is_written_once_an_hour() {
    let (app, ada, _receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    app.table_calls();
    app.publish(&ada, "a.b", &json!({})).await;
    assert_eq!(app.table_calls(), ["Query", "PutItem"]);
    app.advance(3600);
    let ada = app.sign_in(&ada, EMAIL).await;
    app.get("/api/webhooks", &ada.token).send().await.expect(200);
    app.table_calls();
    app.publish(&ada, "a.b", &json!({})).await;
    // What is known of the event's type is asked for again, too.
    assert_eq!(app.table_calls(), ["GetItem", "PutItem", "Query", "PutItem"]);
}

#[tokio::test]
async fn a_dead_letter_is_visible_as_what_failed_on_us() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let letters = app.receive();
    assert_eq!(app.bury(&letters).await["batchItemFailures"], json!([]));
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("failed_internally"), &json!(0)));
    let shown = app.get(&format!("/api/events/{event}"), &ada.token).send().await.expect(200);
    assert_eq!(shown["deliveries"]["failed_internally"], 1);
    // A copy that comes late does nothing any more.
    app.enqueue(&letters[0].body);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 0);
}

#[tokio::test]
async fn a_dead_letter_whose_attempt_is_on_record_goes_on() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let letters = app.receive();
    app.queue_is_down_for(100);
    assert_eq!(app.dispatch(&letters).await, [letters[0].id.clone()]);
    app.queue_is_down_for(0);
    app.bury(&letters).await;
    app.advance(10);
    app.drain().await;
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "delivered");
}

#[tokio::test]
async fn a_dead_letter_that_is_no_task_holds_up_no_other_and_one_that_cannot_be_written_comes_again() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.enqueue("not json");
    let letters = app.receive();
    assert_eq!(app.bury(&letters).await["batchItemFailures"], json!([]));
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "failed_internally");
    let broken = App::without_table().await;
    let failures = broken.bury(&letters[..1]).await;
    assert_eq!(failures["batchItemFailures"], json!([{ "itemIdentifier": letters[0].id }]));
}
