//! A receiver that fails: its deliveries are parked, one is tried now and then, and when it is back everything
//! arrives in order.

use std::ops::Range;
use std::time::Duration;

use it::{Account, App, MadeWebhook};
use serde_json::{Value, json};
use stack::Receiver;

const EMAIL: &str = "ada@example.com";

/// Publishes so many events, which fail, until the breaker opens.
async fn broken(app: &App, ada: &Account, receiver: &Receiver, events: Range<u64>) -> Vec<String> {
    receiver.otherwise(500);
    let mut ids = Vec::new();
    for n in events {
        // Events sort by the millisecond.
        app.hands.advance(Duration::from_millis(1));
        ids.push(app.publish(ada, "a.b", &json!({ "n": n })).await);
        app.drain().await;
    }
    ids
}

/// Lets time pass in steps, and everything happen that is due then.
async fn pass(app: &App, seconds: u64) {
    const STEP: u64 = 20;
    for _ in 0..seconds.div_ceil(STEP) {
        app.advance(STEP);
        app.sweep().await;
        app.drain().await;
    }
}

async fn statuses(app: &App, ada: &Account, webhook: &MadeWebhook, events: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for event in events {
        let delivery = app.delivery(ada, event, &webhook.id).await;
        found.push(delivery["status"].as_str().unwrap().to_owned());
    }
    found
}

fn numbers(receiver: &Receiver, from: usize) -> Vec<u64> {
    receiver.calls()[from..].iter().map(|call| call.json()["data"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn five_failures_over_three_events_park_what_comes_and_it_arrives_in_order_later() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let first = broken(&app, &ada, &receiver, 0..5).await;
    let calls = receiver.calls().len();
    let later = broken(&app, &ada, &receiver, 5..17).await;
    assert_eq!(receiver.calls().len(), calls, "nothing is tried");
    assert_eq!(statuses(&app, &ada, &webhook, &later).await, ["parked"; 12]);
    // The retries of the first five are parked, too, as they become due.
    pass(&app, 10).await;
    assert_eq!(statuses(&app, &ada, &webhook, &first).await, ["parked"; 5]);

    receiver.otherwise(200);
    let before = receiver.calls().len();
    pass(&app, 1000).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    let all: Vec<_> = first.into_iter().chain(later).collect();
    assert_eq!(statuses(&app, &ada, &webhook, &all).await, ["delivered"; 17]);
    let arrived = numbers(&receiver, before);
    // The trial was one of the three oldest; behind it everything is in its order, and once.
    assert!(arrived[0] < 3, "{arrived:?}");
    let rest: Vec<u64> = (0..17).filter(|n| *n != arrived[0]).collect();
    assert_eq!(arrived[1..], rest);
}

#[tokio::test]
async fn one_poisonous_event_opens_nothing() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let poison = broken(&app, &ada, &receiver, 0..1).await;
    pass(&app, 3 * 3600).await;
    assert!(receiver.calls().len() >= 4);
    receiver.otherwise(200);
    let ada = app.sign_in(&ada, EMAIL).await;
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "delivered");
    assert_eq!(statuses(&app, &ada, &webhook, &poison).await, ["pending"]);
}

#[tokio::test]
async fn a_receiver_that_stays_down_is_tried_every_quarter_of_an_hour_and_no_event_is_given_up() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..8).await;
    pass(&app, 3600).await;
    let calls = receiver.calls().len();
    pass(&app, 6 * 3600).await;
    let trials = receiver.calls().len() - calls;
    assert!((22..=32).contains(&trials), "{trials} in six hours");
    let ada = app.sign_in(&ada, EMAIL).await;
    assert_eq!(statuses(&app, &ada, &webhook, &events).await, ["parked"; 8]);
}

#[tokio::test]
async fn a_backlog_with_a_poisonous_event_in_front_drains() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..9).await;
    pass(&app, 60).await;
    // From now on only the oldest fails.
    receiver.otherwise(200);
    receiver.refuse_when(|call| call.json()["data"]["n"] == 0);
    pass(&app, 3600).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    let found = statuses(&app, &ada, &webhook, &events).await;
    assert_eq!(found[1..], ["delivered"; 8]);
    assert_eq!(found[0], "pending", "it goes on by its schedule");
}

#[tokio::test]
async fn pausing_skips_what_is_parked_and_resuming_tries_at_once() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..9).await;
    pass(&app, 60).await;
    assert_eq!(statuses(&app, &ada, &webhook, &events).await, ["parked"; 9]);
    let switch =
        |verb: &str| app.post(&format!("/api/webhooks/{}/{verb}", webhook.id), &ada.token, &json!({}));
    // Resuming what is not paused tries at once.
    receiver.otherwise(200);
    switch("resume").send().await.expect(200);
    app.drain().await;
    pass(&app, 100).await;
    assert_eq!(statuses(&app, &ada, &webhook, &events).await, ["delivered"; 9]);

    let more = broken(&app, &ada, &receiver, 0..9).await;
    pass(&app, 60).await;
    assert_eq!(statuses(&app, &ada, &webhook, &more).await, ["parked"; 9]);
    switch("pause").send().await.expect(200);
    pass(&app, 1000).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    assert_eq!(statuses(&app, &ada, &webhook, &more).await, ["skipped"; 9]);
}

#[tokio::test]
async fn after_five_days_without_success_the_webhook_is_off_and_its_administrators_knew() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let (listener, told) = listening(&app, &ada).await;
    app.sweep().await;
    broken(&app, &ada, &receiver, 0..6).await;
    app.deliver_mails().await;
    let mut mails = Vec::new();
    for third in 0..5 * 24 * 3 {
        app.advance(1200);
        app.drain().await;
        if third % 3 == 0 {
            mails.extend(app.deliver_mails().await);
        }
    }
    pass(&app, 2000).await;
    mails.extend(app.deliver_mails().await);
    let ada = app.sign_in(&ada, EMAIL).await;
    let read = app.get(&format!("/api/webhooks/{}", webhook.id), &ada.token).send().await.expect(200);
    assert_eq!((&read["status"], &read["disabled_reason"]), (&json!("disabled"), &json!("failing")));
    let kinds: Vec<_> = listener.calls().iter().map(|call| call.json()["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "webhook.failing").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "webhook.disabled").count(), 1);
    // No program that shows mails makes a link of an address that somebody else gave.
    let url = format!("{}/", receiver.url()).replace("://", ": / / ").replace("127.0.0.1:", "127. 0. 0. 1: ");
    let fails = format!(
        "The webhook of “Acme” to “{url}” has failed for two and a half days. What it did last: “The receiver answered \
         500.”\n\n\
         Its events are kept, and one is tried every quarter of an hour. If none arrives for as long again, the webhook is \
         switched off.\n\n\
         Mend the receiver: what waits for it arrives by itself then. Resuming the webhook has it tried at once.\n\n"
    );
    let off = format!(
        "The webhook of “Acme” to “{url}” was switched off, because its receiver fails. What it did last: “The receiver \
         answered 500.”\n\n\
         Events that come meanwhile are kept for 30 days as skipped.\n\n\
         Mend the receiver, resume the webhook, and replay what is missing: nothing of the last 30 days is lost.\n\n"
    );
    let mails: Vec<_> = mails.into_iter().map(|mail| (mail.subject, mail.text.unwrap())).collect();
    assert_eq!(
        mails,
        [("A webhook fails".to_owned(), fails), ("A webhook was switched off".to_owned(), off)]
    );
    assert_ne!(told, webhook.id);
}

/// A webhook that hears of the others.
async fn listening(app: &App, ada: &Account) -> (Receiver, String) {
    let listener = app.receiver().await;
    let types = ["webhook.failing", "webhook.disabled", "webhook.recovered"];
    let body = json!({ "url": listener.url(), "event_types": types });
    let made: Value = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    (listener, made["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn that_a_receiver_is_back_is_told() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let (listener, _) = listening(&app, &ada).await;
    app.sweep().await;
    broken(&app, &ada, &receiver, 0..6).await;
    receiver.otherwise(200);
    pass(&app, 100).await;
    let told: Vec<_> = listener.calls().iter().map(stack::Call::json).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["type"], &told[0]["data"]["webhook_id"]),
        (&json!("webhook.recovered"), &json!(webhook.id))
    );
}

#[tokio::test]
async fn a_delivery_that_is_parked_while_the_breaker_closes_is_not_left_behind() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    broken(&app, &ada, &receiver, 0..5).await;
    // Parked by a dispatcher that has read an open breaker, and writes when it is closed.
    let event = app.publish(&ada, "a.b", &json!({ "n": 99 })).await;
    let late = app.receive();
    let late: Vec<_> = late.into_iter().filter(|message| message.body.contains(&event)).collect();
    assert_eq!(late.len(), 1);
    app.dispatch(&late).await;
    assert_eq!(statuses(&app, &ada, &webhook, std::slice::from_ref(&event)).await, ["parked"]);
    receiver.otherwise(200);
    pass(&app, 200).await;
    assert_eq!(statuses(&app, &ada, &webhook, std::slice::from_ref(&event)).await, ["delivered"]);
    // The same message again, and a turn that is over: neither does anything.
    let calls = receiver.calls().len();
    app.enqueue(&late[0].body);
    app.drain().await;
    assert_eq!(receiver.calls().len(), calls);
}

#[tokio::test]
async fn no_more_than_so_many_are_sent_in_a_second_and_none_is_dropped() {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "max_per_second": 2 });
    app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    for n in 0..9 {
        app.publish(&ada, "a.b", &json!({ "n": n })).await;
    }
    let mut sent = Vec::new();
    for _ in 0..6 {
        let before = receiver.calls().len();
        app.drain().await;
        sent.push(receiver.calls().len() - before);
        app.advance(1);
    }
    // SQS delays by whole seconds, so the first that had to wait half of one waits for all of it.
    assert_eq!(sent, [2, 1, 2, 2, 2, 0]);
}

#[tokio::test]
async fn a_receiver_that_answers_429_gets_less_and_then_more_again() {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "max_per_second": 4 });
    app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    receiver.answer(429);
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    for n in 0..8 {
        app.publish(&ada, "a.b", &json!({ "n": n })).await;
    }
    let mut sent = Vec::new();
    for _ in 0..4 {
        app.advance(1);
        let before = receiver.calls().len();
        app.drain().await;
        sent.push(receiver.calls().len() - before);
    }
    assert_eq!(sent, [2, 1, 2, 2], "half of four");
    pass(&app, 60).await;
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.advance(5);
    for n in 0..4 {
        app.publish(&ada, "a.b", &json!({ "n": n })).await;
    }
    let before = receiver.calls().len();
    app.drain().await;
    assert_eq!(receiver.calls().len() - before, 4, "four again");
}

#[tokio::test]
async fn health_says_what_is_why_and_what_comes_next() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let health = async || {
        app.get(&format!("/api/webhooks/{}/health", webhook.id), &ada.token).send().await.expect(200)
    };
    let state = async || health().await["state"].as_str().unwrap().to_owned();
    assert_eq!(state().await, "healthy");
    broken(&app, &ada, &receiver, 0..1).await;
    assert_eq!(state().await, "failing");
    broken(&app, &ada, &receiver, 1..7).await;
    let parked = health().await;
    assert_eq!(
        (&parked["state"], &parked["consecutive_failures"], &parked["parked"], &parked["disables_at"]),
        (&json!("parked"), &json!(5), &json!(2), &json!("2026-01-06T00:00:00.001Z"))
    );
    let next = parked["next_probe_at"].as_str().unwrap();
    assert_eq!(
        parked["summary"],
        format!(
            "The receiver has failed 5 times in a row since 2026-01-01T00:00:00.001Z. 2 deliveries are parked; \
             none of them is lost. One is tried at {next}, and when that arrives, all go out in order. `resume` \
             tries one now. If nothing arrives until 2026-01-06T00:00:00.001Z, the webhook is switched off. The \
             last failure: The receiver answered 500."
        )
    );
    receiver.otherwise(200);
    app.advance(8);
    let batch = app.receive();
    let turn: Vec<_> = batch.into_iter().filter(|message| message.body.contains("lane")).collect();
    app.dispatch(&turn).await;
    assert_eq!(state().await, "draining");
    pass(&app, 300).await;
    assert_eq!(state().await, "healthy");
}

#[tokio::test]
async fn nobody_reads_the_health_of_another_organisations_webhook() {
    let (app, _ada, _receiver, webhook) = App::with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let answer = app.get(&format!("/api/webhooks/{}/health", webhook.id), &eve.token).send().await;
    assert_eq!(answer.problem(404), "not_found");
}

#[tokio::test]
async fn a_slow_pace_holds_up_neither_trials_nor_the_drain() {
    let app = App::start().await;
    let ada = app.register(EMAIL).await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "max_per_second": 1 });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    app.sweep().await;
    receiver.otherwise(429);
    let mut events = Vec::new();
    for n in 0..8 {
        app.advance(2);
        events.push(app.publish(&ada, "a.b", &json!({ "n": n })).await);
        app.drain().await;
    }
    pass(&app, 200).await;
    receiver.otherwise(200);
    pass(&app, 2000).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    for event in &events {
        assert_eq!(app.delivery(&ada, event, &id).await["status"], "delivered");
    }
    assert_eq!(
        app.get(&format!("/api/webhooks/{id}/health"), &ada.token).send().await.expect(200)["parked"],
        0
    );
}

#[tokio::test]
async fn trials_of_a_day_do_not_use_up_a_deliverys_own_attempts() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..7).await;
    pass(&app, 60).await;
    for _ in 0..24 * 4 {
        app.advance(1080);
        app.drain().await;
    }
    receiver.otherwise(200);
    // The oldest fails once more when it is taken.
    receiver.refuse_when(|call| call.json()["data"]["n"] == 0);
    pass(&app, 3600).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    let found = app.delivery(&ada, &events[0], &webhook.id).await;
    assert!(found["attempts"].as_u64().unwrap() > 20, "{found}");
    assert_eq!(found["status"], "pending", "it goes on by its schedule");
}

#[tokio::test]
async fn a_receiver_that_takes_everything_but_what_stands_in_front_gets_everything_else() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    receiver.refuse_when(|call| call.json()["data"]["n"].as_u64().unwrap() < 6);
    let mut events = Vec::new();
    for n in 0..12 {
        app.hands.advance(Duration::from_millis(1));
        events.push(app.publish(&ada, "a.b", &json!({ "n": n })).await);
        app.drain().await;
    }
    pass(&app, 4 * 3600).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    assert_eq!(statuses(&app, &ada, &webhook, &events[6..]).await, ["delivered"; 6]);
}

#[tokio::test]
async fn two_trials_of_one_delivery_leave_it_in_the_backlog() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..6).await;
    pass(&app, 20).await;
    let resume = || app.post(&format!("/api/webhooks/{}/resume", webhook.id), &ada.token, &json!({}));
    resume().send().await.expect(200);
    let first = app.receive();
    // While the first trial is under way, somebody asks for another.
    let (trial, ()) = tokio::join!(app.dispatch(&first), async {
        resume().send().await.expect(200);
        app.drain().await;
    });
    assert_eq!(trial, [""; 0]);
    receiver.otherwise(200);
    pass(&app, 2000).await;
    let ada = app.sign_in(&ada, EMAIL).await;
    assert_eq!(statuses(&app, &ada, &webhook, &events).await, ["delivered"; 6]);
}

#[tokio::test]
async fn a_parked_delivery_that_cannot_be_read_fails_on_us_and_the_others_arrive() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    let events = broken(&app, &ada, &receiver, 0..8).await;
    pass(&app, 20).await;
    app.damage(&format!("{}#2026-01-01", ada.org), &events[0], "body").await;
    receiver.otherwise(200);
    pass(&app, 600).await;
    let found = statuses(&app, &ada, &webhook, &events[1..]).await;
    assert_eq!(found, ["delivered"; 7]);
    let id = format!("dlv_{}{}", &events[0][4..], &webhook.id[4..]).parse().unwrap();
    let org = ada.org.parse().unwrap();
    let odd = app.core.table.delivery(org, id, app.core.clock.now()).await.unwrap().unwrap();
    assert_eq!(odd.state, shared::delivery::State::FailedInternally);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_empties_no_backlog() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    app.sweep().await;
    broken(&app, &ada, &receiver, 0..8).await;
    pass(&app, 20).await;
    app.damage(&ada.org, &webhook.id, "url").await;
    pass(&app, 600).await;
    let (org, id) = (ada.org.parse().unwrap(), webhook.id.parse().unwrap());
    assert_eq!(app.core.table.count_parked(org, id, 100).await.unwrap(), 8);
}
