//! `Idempotency-Key` at `POST /api/events`

use it::{Account, Answer, App};
use serde_json::{Value, json};

async fn publish(app: &App, account: &Account, key: &str, n: u32) -> Answer {
    let body = json!({ "type": "a.b", "data": { "n": n } });
    app.post("/api/events", &account.token, &body).header("idempotency-key", key).send().await
}

async fn app_with_webhook() -> (App, Account) {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.webhook(&ada, &app.receiver().await).await;
    (app, ada)
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer_and_publishes_nothing() {
    let (app, ada) = app_with_webhook().await;
    let first = publish(&app, &ada, "k", 1).await.expect(202);
    app.advance(60);
    // A webhook that was made since does not change what the first request did.
    app.webhook(&ada, &app.receiver().await).await;
    assert_eq!(publish(&app, &ada, "k", 1).await.expect(202), first);
    assert_eq!(app.messages().len(), 1);
}

#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    let (app, ada) = app_with_webhook().await;
    publish(&app, &ada, "k", 1).await.expect(202);
    assert_eq!(publish(&app, &ada, "k", 2).await.problem(422), "idempotency_key_reused");
    assert_eq!(app.messages().len(), 1);
}

#[tokio::test]
async fn a_key_is_an_organisation_s_own_and_lasts_a_day() {
    let (app, ada) = app_with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let first = publish(&app, &ada, "k", 1).await.expect(202)["id"].clone();
    assert_ne!(publish(&app, &eve, "k", 2).await.expect(202)["id"], first);

    app.advance(24 * 3600);
    let body = json!({ "email": "ada@example.com", "password": it::PASSWORD });
    let signed_in = app.call(http::Method::POST, "/auth/login").json(&body).send().await.expect(200);
    let ada = Account { token: signed_in["access_token"].as_str().unwrap().to_owned(), ..ada };
    assert_ne!(publish(&app, &ada, "k", 2).await.expect(202)["id"], first);
}

#[tokio::test]
async fn the_id_of_the_body_counts_as_key_when_there_is_no_header() {
    let (app, ada) = app_with_webhook().await;
    let body = |n: u32| json!({ "type": "a.b", "data": { "n": n }, "id": "order-7" });
    let first = app.post("/api/events", &ada.token, &body(1)).send().await.expect(202);
    assert_eq!(app.post("/api/events", &ada.token, &body(1)).send().await.expect(202), first);
    let other = app.post("/api/events", &ada.token, &body(2)).send().await;
    assert_eq!(other.problem(422), "idempotency_key_reused");
    assert_eq!(app.messages().len(), 1);
}

#[tokio::test]
async fn a_publish_that_stopped_at_the_queue_goes_on_with_the_same_event() {
    let (app, ada) = app_with_webhook().await;
    app.queue_is_down_for(100);
    assert_eq!(publish(&app, &ada, "k", 1).await.problem(503), "unavailable");
    app.queue_is_down_for(0);
    let stored = app.dump().await;
    let event = publish(&app, &ada, "k", 1).await.expect(202)["id"].as_str().unwrap().to_owned();
    assert!(stored.contains(&event), "the event of the first request is the one that was published");
    assert_eq!(
        app.messages().iter().map(it::Message::json).map(|task| task["event"].clone()).collect::<Vec<_>>(),
        [event]
    );
}

#[tokio::test]
async fn a_publish_whose_function_died_is_taken_over_when_its_time_is_over() {
    let (app, ada) = app_with_webhook().await;
    // As a function leaves it that dies right after its first write.
    let body = r#"{"data":{"n":1},"type":"a.b"}"#;
    let json: &serde_json::value::RawValue = serde_json::from_str(body).unwrap();
    let key = shared::http::IdempotencyKey::parse("k").unwrap();
    let (org, now) = (ada.org.parse().unwrap(), app.core.clock.now());
    let body = shared::http::BodyDigest::of(json);
    let claim = shared::idempotency::Claim::new(org, &key, "POST /api/events", body);
    let id = shared::id::EventId::new(now, &app.core.entropy).unwrap().to_string();
    let until = now.plus(std::time::Duration::from_secs(15));
    app.core.table.open_claim(&claim, &id, now, until).await.unwrap().unwrap();

    let waiting = publish(&app, &ada, "k", 1).await;
    assert_eq!(waiting.problem(409), "idempotency_in_progress");
    assert_eq!(waiting.header("retry-after"), Some("16"));
    assert_eq!(app.messages().len(), 0);
    app.advance(15);
    assert_eq!(publish(&app, &ada, "k", 1).await.expect(202)["id"], id);
    assert_eq!(app.messages().len(), 1);
}

#[tokio::test]
async fn fifty_publishes_with_one_key_at_once_make_one_event() {
    let (app, ada) = app_with_webhook().await;
    let (app, ada) = (std::sync::Arc::new(app), std::sync::Arc::new(ada));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (app, ada) = (app.clone(), ada.clone());
            tokio::spawn(async move { publish(&app, &ada, "k", 1).await })
        })
        .collect();
    let mut accepted: Vec<Value> = Vec::new();
    for call in calls {
        let answer = call.await.unwrap();
        if answer.status == 202 {
            accepted.push(answer.json());
        } else {
            assert_eq!(answer.problem(409), "idempotency_in_progress");
        }
    }
    accepted.dedup();
    assert_eq!(accepted.len(), 1, "every accepted call has one answer");
    assert_eq!(app.messages().len(), 1);
    assert_eq!(publish(&app, &ada, "k", 1).await.expect(202), accepted[0]);
}
