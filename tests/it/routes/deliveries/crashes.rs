//! What happens when a dispatcher dies, is late, or works on the same message twice.

use std::time::Duration;

use it::App;
use serde_json::json;

#[tokio::test]
async fn a_message_that_is_handed_out_twice_is_delivered_once() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    app.dispatch(&batch).await;
    // SQS delivers at least once: the same message again, after it was done.
    app.enqueue(&batch[0].body);
    app.drain().await;
    assert_eq!((receiver.calls().len(), app.messages().len()), (1, 0));
}

#[tokio::test]
async fn a_dispatcher_that_died_before_it_did_anything_is_made_up_for() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    assert_eq!(app.receive().len(), 1, "taken, and never seen again");
    app.drain().await;
    assert_eq!(receiver.calls().len(), 0, "the message is invisible");
    app.advance(240);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn a_retry_that_could_not_be_queued_is_queued_when_the_message_comes_again() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    app.queue_is_down_for(100);
    assert_eq!(
        app.dispatch(&batch).await,
        [batch[0].id.clone()],
        "recorded, not queued: the message comes again"
    );
    app.queue_is_down_for(0);
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["attempts"], 1);
    app.advance(240);
    app.drain().await;
    app.advance(10);
    app.drain().await;
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "delivered");
    assert_eq!((receiver.calls().len(), app.messages().len()), (2, 0), "one call for each attempt");
}

#[tokio::test]
async fn two_dispatchers_with_one_message_record_one_attempt_and_plan_one_retry() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.otherwise(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    let (one, other) = tokio::join!(app.dispatch(&batch), app.dispatch(&batch));
    assert_eq!((one, other), (vec![], vec![]));
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["attempts"], 1);
    assert_eq!(app.messages().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_finished_in_the_invocation_is_given_back_untouched() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    assert_eq!(app.dispatch_within(&batch, Duration::from_secs(18)).await, [batch[0].id.clone()]);
    assert_eq!(receiver.calls().len(), 0);
    app.advance(240);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_no_task_is_given_back_and_the_rest_of_the_batch_is_done() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    let good = app.messages()[0].json();
    for poison in ["", "{}", "not json", &good.to_string().replace("\"version\":1", "\"version\":2")] {
        app.enqueue(poison);
    }
    let batch = app.receive();
    let failed = app.dispatch(&batch).await;
    let expected: Vec<_> = batch[1..].iter().map(|message| message.id.clone()).collect();
    assert_eq!(failed, expected);
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn a_task_for_another_organisation_s_webhook_reaches_nobody() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let receiver = app.receiver().await;
    app.webhook(&ada, &receiver).await;
    app.publish(&ada, "a.b", &json!({})).await;
    let forged = app.receive()[0].body.replace(&ada.org, &eve.org);
    app.enqueue(&forged);
    let batch = app.receive();
    assert_eq!(app.dispatch(&batch).await, [""; 0]);
    assert_eq!(receiver.calls().len(), 0);
}

#[tokio::test]
async fn a_dead_letter_that_is_redriven_goes_on_where_it_stopped() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let batch = app.receive();
    app.queue_is_down_for(100);
    assert_eq!(app.dispatch(&batch).await, [batch[0].id.clone()]);
    app.queue_is_down_for(0);
    // Five receives later it is a dead letter; an operator sends it back, and SQS counts from the start.
    app.delete(&batch[0].id);
    app.advance(1200);
    let ada = app.sign_in(&ada, "ada@example.com").await;
    app.enqueue(&batch[0].body);
    app.drain().await;
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "delivered");
    assert_eq!((receiver.calls().len(), app.messages().len()), (2, 0));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_holds_up_its_own_delivery_only() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (good, broken) = (app.receiver().await, app.receiver().await);
    let webhook = app.webhook(&ada, &broken).await;
    app.webhook(&ada, &good).await;
    app.publish(&ada, "a.b", &json!({})).await;
    // As a later version may write it.
    app.damage(&ada.org, &webhook.id, "secrets").await;
    let batch = app.receive();
    let held: Vec<_> = batch.iter().filter(|m| m.group == webhook.id).map(|m| m.id.clone()).collect();
    assert_eq!(app.dispatch(&batch).await, held);
    assert_eq!((good.calls().len(), broken.calls().len()), (1, 0));
}

#[tokio::test]
async fn a_task_that_is_not_due_costs_no_read() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    let early = app.receive()[0].body.replace("2026-01-01T00:00:00.000Z", "2026-01-01T02:00:00.000Z");
    app.enqueue(&early);
    let batch = app.receive();
    app.table_calls();
    assert_eq!(app.dispatch(&batch).await, [""; 0]);
    assert_eq!(app.table_calls(), [""; 0]);
    assert_eq!((receiver.calls().len(), app.messages().last().unwrap().body.clone()), (0, early));
}
