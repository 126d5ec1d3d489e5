//! `GET /api/deliveries/{id}`: signed, recorded, tried again.

use it::App;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

/// Durations are measured, not planned.
fn without_durations(mut delivery: Value) -> Value {
    let attempts = delivery["attempt_log"].as_array_mut().unwrap();
    for attempt in attempts {
        attempt["duration_ms"] = json!(0);
    }
    if delivery["last_attempt"].is_object() {
        delivery["last_attempt"]["duration_ms"] = json!(0);
    }
    delivery
}

#[tokio::test]
async fn a_delivery_is_signed_as_the_public_library_signs() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "invoice.paid", &json!({ "id": 7 })).await;
    app.drain().await;
    let call = receiver.next_call().await;
    assert_eq!(call.header("webhook-id"), Some(event.as_str()));
    assert_eq!(call.header("webhook-timestamp"), Some("1767225600"));
    assert_eq!(call.header("webhook-attempt"), Some("1"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    let signer = Webhook::new(&webhook.secret).unwrap();
    let expected = signer.sign(&event, 1_767_225_600, &call.body).unwrap();
    let signatures = call.header("webhook-signature").unwrap();
    assert!(signatures.split(' ').any(|part| part == expected), "{signatures}");
    assert_eq!(
        call.json(),
        json!({ "type": "invoice.paid", "timestamp": "2026-01-01T00:00:00.000Z", "data": { "id": 7 } })
    );
}

#[tokio::test]
async fn a_delivery_that_succeeds_at_once_costs_one_read_and_one_write() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.table_calls();
    app.drain().await;
    assert_eq!(app.table_calls(), ["BatchGetItem", "PutItem"]);
    let attempt = json!({
        "number": 1,
        "at": "2026-01-01T00:00:00.000Z",
        "outcome": "delivered",
        "response_status": 200,
        "duration_ms": 0,
        "error": null,
        "response_body": null,
    });
    assert_eq!(
        without_durations(app.delivery(&ada, &event, &webhook.id).await),
        json!({
            "id": format!("dlv_{}{}", &event[4..], &webhook.id[4..]),
            "event_id": event,
            "event_type": "a.b",
            "webhook_id": webhook.id,
            "status": "delivered",
            "attempts": 1,
            "next_attempt_at": null,
            "last_attempt": attempt,
            "attempt_log": [attempt],
        })
    );
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_the_event_at_the_third_attempt() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer_with(500, &[], "oops");
    receiver.answer(503);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;

    let pending = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!(1)));
    assert_eq!(pending["last_attempt"]["response_body"], "oops");
    assert_eq!(pending["last_attempt"]["error"], "The receiver answered 500.");
    assert_eq!(receiver.calls().len(), 1, "not before it is due");
    app.advance(6);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
    app.advance(361);
    app.drain().await;

    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    let outcomes: Vec<_> = delivery["attempt_log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (attempt["number"].as_u64().unwrap(), attempt["response_status"].as_u64().unwrap()))
        .collect();
    assert_eq!((&delivery["status"], outcomes), (&json!("delivered"), vec![(1, 500), (2, 503), (3, 200)]));
    let calls = receiver.calls();
    assert!(calls.iter().all(|call| call.header("webhook-id") == Some(&event) && call.body == calls[0].body));
    let attempts: Vec<_> =
        calls.iter().map(|call| call.header("webhook-attempt").unwrap().to_owned()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    assert_eq!(app.messages().len(), 0);
}

#[tokio::test]
async fn after_eight_failures_a_delivery_is_exhausted_and_says_so() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.otherwise(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    // The waits between are hours: the sweeper ends them.
    for _ in 0..(34 * 4) {
        app.advance(900);
        app.sweep().await;
        app.drain().await;
    }
    let id: shared::id::DeliveryId = format!("dlv_{}{}", &event[4..], &webhook.id[4..]).parse().unwrap();
    let delivery =
        app.core.table.delivery(ada.org.parse().unwrap(), id, app.core.clock.now()).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (shared::delivery::State::Exhausted, 8));
    assert_eq!((receiver.calls().len(), app.messages().len()), (8, 0));
}

#[tokio::test]
async fn retry_after_is_honoured_in_full() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer_with(429, &[("retry-after", "600")], "");
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!(delivery["next_attempt_at"], "2026-01-01T00:10:00.000Z");
    app.advance(599);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 1);
    app.advance(1);
    app.drain().await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_is_gone_switches_its_webhook_off_at_once() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(410);
    let (first, second) =
        (app.publish(&ada, "a.b", &json!({})).await, app.publish(&ada, "a.b", &json!({})).await);
    let batch = app.receive();
    assert_eq!(app.dispatch(&batch[..1]).await, [""; 0]);
    let shown = app.get(&format!("/api/webhooks/{}", webhook.id), &ada.token).send().await.expect(200);
    assert_eq!(
        (&shown["status"], &shown["disabled_reason"], &shown["disabled_at"]),
        (&json!("disabled"), &json!("gone"), &json!("2026-01-01T00:00:00.000Z"))
    );
    assert_eq!(app.dispatch(&batch[1..]).await, [""; 0]);
    assert_eq!(app.delivery(&ada, &first, &webhook.id).await["status"], "exhausted");
    assert_eq!(app.delivery(&ada, &second, &webhook.id).await["status"], "skipped");
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn what_is_due_to_an_organisation_that_was_suspended_or_deleted_is_not_sent() {
    for stop in ["suspended", "deleted"] {
        let (app, ada, receiver, webhook) = App::with_webhook().await;
        let event = app.publish(&ada, "a.b", &json!({})).await;
        let batch = app.receive();
        let (org, now) = (ada.org.parse().unwrap(), app.core.clock.now());
        if stop == "suspended" {
            app.suspend(&ada.org).await;
        } else {
            // The first write of a deletion, whose function died before it cleaned up.
            let gone = app.core.table.transaction().delete_organization(org, now).unwrap();
            gone.commit().await.unwrap().unwrap();
        }
        app.table_calls();
        assert_eq!(app.dispatch(&batch).await, [""; 0]);
        assert_eq!(app.table_calls(), ["BatchGetItem", "PutItem"], "{stop}");
        assert_eq!(receiver.calls().len(), 0, "{stop}");
        let id: shared::id::DeliveryId = format!("dlv_{}{}", &event[4..], &webhook.id[4..]).parse().unwrap();
        let delivery = app.core.table.delivery(org, id, now).await.unwrap().unwrap();
        assert_eq!(delivery.state, shared::delivery::State::Skipped, "{stop}");
    }
}

#[tokio::test]
async fn a_delivery_that_was_not_tried_yet_is_pending() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let webhook = app.webhook(&ada, &app.receiver().await).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let delivery = app.delivery(&ada, &event, &webhook.id).await;
    assert_eq!(
        delivery,
        json!({
            "id": delivery["id"],
            "event_id": event,
            "event_type": "a.b",
            "webhook_id": webhook.id,
            "status": "pending",
            "attempts": 0,
            "next_attempt_at": "2026-01-01T00:00:00.000Z",
            "last_attempt": null,
            "attempt_log": [],
        })
    );
}

#[tokio::test]
async fn a_delivery_whose_webhook_is_deleted_while_it_is_called_is_recorded_all_the_same() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    receiver.answer(410);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let id: shared::id::DeliveryId = format!("dlv_{}{}", &event[4..], &webhook.id[4..]).parse().unwrap();
    let (org, now) = (ada.org.parse().unwrap(), app.core.clock.now());
    let read = app.core.table.webhook(org, id.webhook).await.unwrap().unwrap();
    app.core.table.forget_webhook(org, id.webhook).await.unwrap();
    // What the dispatcher records that read the webhook before it was deleted.
    let outcome = shared::delivery::Outcome::Rejected { status: 410, retry_after: None };
    let attempt =
        shared::delivery::Attempt { number: 1, at: now, outcome, duration_ms: 1, response_body: None };
    let delivery = shared::delivery::Delivery::untried(id, "a.b".parse().unwrap());
    let delivery = delivery.after(attempt.clone(), shared::delivery::Next::SwitchOff).unwrap();
    let recorded =
        app.core.table.record_attempt(org, &delivery, Some(&attempt), Some(&read), None).await.unwrap();
    assert_eq!(recorded, shared::delivery::Recorded::Now);
    assert_eq!(app.core.table.delivery(org, id, now).await.unwrap(), Some(delivery));
    assert!(app.core.table.webhook(org, id.webhook).await.unwrap().is_none(), "it does not come back");
}

#[tokio::test]
async fn a_delivery_is_forgotten_with_its_event_also_if_the_table_still_has_it() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let id: shared::id::DeliveryId = format!("dlv_{}{}", &event[4..], &webhook.id[4..]).parse().unwrap();
    let (org, end) = (ada.org.parse().unwrap(), App::START.plus(shared::event::Event::KEPT));
    assert!(app.core.table.delivery(org, id, App::START).await.unwrap().is_some());
    assert!(app.core.table.delivery(org, id, end).await.unwrap().is_none());
    let listed = app.core.table.deliveries_of_webhook(org, id.webhook, None, 10, end).await.unwrap();
    assert_eq!(listed, []);
}

#[tokio::test]
async fn a_late_410_of_the_old_address_does_not_switch_the_new_one_off() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (old, new) = (app.receiver().await, app.receiver().await);
    let webhook = app.webhook(&ada, &old).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    let id: shared::id::DeliveryId = format!("dlv_{}{}", &event[4..], &webhook.id[4..]).parse().unwrap();
    let (org, now) = (ada.org.parse().unwrap(), app.core.clock.now());
    let read = app.core.table.webhook(org, id.webhook).await.unwrap().unwrap();
    let path = format!("/api/webhooks/{}", webhook.id);
    let repointed =
        app.call(http::Method::PATCH, &path).bearer(&ada.token).json(&json!({ "url": new.url() }));
    repointed.send().await.expect(200);
    let outcome = shared::delivery::Outcome::Rejected { status: 410, retry_after: None };
    let attempt =
        shared::delivery::Attempt { number: 1, at: now, outcome, duration_ms: 1, response_body: None };
    let delivery = shared::delivery::Delivery::untried(id, "a.b".parse().unwrap());
    let delivery = delivery.after(attempt.clone(), shared::delivery::Next::SwitchOff).unwrap();
    app.core.table.record_attempt(org, &delivery, Some(&attempt), Some(&read), None).await.unwrap();
    assert_eq!(app.core.table.delivery(org, id, now).await.unwrap(), Some(delivery));
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200)["status"], "active");
}
