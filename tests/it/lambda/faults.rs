//! AWS in trouble, seen through the real binaries: callers hear 503 and when to try again, nothing that was
//! accepted is lost, nothing panics, and nothing has to be restarted.

use std::time::Duration;

use http::Method;
use it::Answer;
use serde_json::json;
use stack::{Fault, FaultKind, Receiver, Service};

use crate::product::Product;

/// 503 as callers are promised it.
#[track_caller]
fn assert_unavailable(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text);
    assert_eq!(answer.problem(503), "unavailable", "{what}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{what}");
}

/// What a caller gets who tries again for as long as they are told to, now that the service is back: each process
/// of a function finds that out by itself, after a rest of a second (`shared::circuit`).
async fn once_back(call: impl AsyncFn() -> Answer) -> Answer {
    let until_answered = async {
        loop {
            let answer = call().await;
            if answer.status != 503 {
                return answer;
            }
            assert_unavailable(&answer, "back");
            let seconds = answer.header("retry-after").unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), until_answered).await.expect("it did not find out")
}

fn set(product: &Product, service: Service, kind: FaultKind) {
    product.stack.services().faults().set(service, Some(Fault::of(kind)));
}

fn mend(product: &Product, service: Service) {
    product.stack.services().faults().set(service, None);
}

#[tokio::test]
async fn while_the_tables_are_in_trouble_callers_hear_503_and_then_everything_goes_on() {
    let product = Product::start_faulty().await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    product.webhook(&token, &receiver).await;
    let event = json!({ "type": "invoice.paid", "data": {} });
    let login = json!({ "email": "ada@example.com", "password": it::PASSWORD });
    for kind in [FaultKind::Throttled, FaultKind::Failing, FaultKind::Unavailable, FaultKind::Away] {
        set(&product, Service::DynamoDb, kind);
        let read = product.call(Method::GET, "/api/webhooks").bearer(&token).send();
        let sign_in = product.call(Method::POST, "/auth/login").json(&login).send();
        let list = product.call(Method::GET, "/api/api-keys").bearer(&token).send();
        let (read, publish, sign_in, list) =
            tokio::join!(read, product.post("/api/events", &token, &event), sign_in, list);
        for (answer, what) in [(read, "read"), (publish, "publish"), (sign_in, "log in"), (list, "keys")] {
            assert_unavailable(&answer, &format!("{kind:?} {what}"));
        }
        mend(&product, Service::DynamoDb);
        let accepted =
            once_back(async || product.post("/api/events", &token, &event).await).await.expect(202);
        assert_eq!(receiver.next_call().await.header("webhook-id"), accepted["id"].as_str(), "{kind:?}");
        let list = async || product.call(Method::GET, "/api/api-keys").bearer(&token).send().await;
        once_back(list).await.expect(200);
    }
    let sign_in = async || product.call(Method::POST, "/auth/login").json(&login).send().await;
    once_back(sign_in).await.expect(200);
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn what_took_effect_without_an_answer_is_done_once() {
    let product = Product::start_faulty().await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    product.webhook(&token, &receiver).await;
    // Every third call to the table, and every second to the queue, takes effect and gets no answer.
    let lost = |per_mille| Some(Fault { per_mille, ..Fault::of(FaultKind::Lost) });
    let faults = product.stack.services().faults();
    faults.set(Service::DynamoDb, lost(334));
    faults.set(Service::Sqs, lost(500));
    let mut accepted = Vec::new();
    for n in 0..5 {
        let body = json!({ "type": "invoice.paid", "data": { "n": n } });
        let key = format!("invoice-{n}");
        loop {
            let call = product.call(Method::POST, "/api/events").bearer(&token).json(&body);
            let answer = call.header("idempotency-key", &key).send().await;
            match answer.status.as_u16() {
                202 => break accepted.push(answer.json()["id"].as_str().unwrap().to_owned()),
                503 => assert_unavailable(&answer, "publish"),
                _ => assert_eq!(answer.problem(409), "idempotency_in_progress"),
            }
        }
    }
    faults.set(Service::DynamoDb, None);
    faults.set(Service::Sqs, None);
    let mut arrived = std::collections::BTreeSet::new();
    while arrived.len() < accepted.len() {
        arrived.insert(receiver.next_call().await.header("webhook-id").unwrap().to_owned());
    }
    assert_eq!(arrived, accepted.into_iter().collect(), "one event for each key, and each arrived");
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn while_the_queue_is_away_nothing_is_accepted_and_all_else_goes_on() {
    let product = Product::start_faulty().await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    product.webhook(&token, &receiver).await;
    let event = json!({ "type": "invoice.paid", "data": {} });
    for kind in [FaultKind::Throttled, FaultKind::Away] {
        set(&product, Service::Sqs, kind);
        assert_unavailable(&product.post("/api/events", &token, &event).await, &format!("{kind:?}"));
        product.call(Method::GET, "/api/events").bearer(&token).send().await.expect(200);
        mend(&product, Service::Sqs);
        let accepted =
            once_back(async || product.post("/api/events", &token, &event).await).await.expect(202);
        assert_eq!(receiver.next_call().await.header("webhook-id"), accepted["id"].as_str(), "{kind:?}");
    }
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_starts_while_the_queue_is_away_does_what_needs_none() {
    let product = Product::start_faulty().await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    product.webhook(&token, &receiver).await;
    product.stack.kill_instances("webhooks").await;
    set(&product, Service::Sqs, FaultKind::Away);
    product.call(Method::GET, "/api/events").bearer(&token).send().await.expect(200);
    let event = json!({ "type": "invoice.paid", "data": {} });
    assert_unavailable(&product.post("/api/events", &token, &event).await, "away");
    mend(&product, Service::Sqs);
    let accepted = once_back(async || product.post("/api/events", &token, &event).await).await.expect(202);
    assert_eq!(receiver.next_call().await.header("webhook-id"), accepted["id"].as_str());
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_starts_while_secrets_manager_is_away_answers_503_until_it_is_back() {
    let product = Product::start_faulty().await;
    let token = product.register().await;
    let key = json!({ "name": "A key", "scopes": ["events:read"] });
    set(&product, Service::SecretsManager, FaultKind::Away);
    // Who has the key goes on with it.
    product.call(Method::GET, "/auth/me").bearer(&token).send().await.expect(200);
    product.stack.kill_instances("api_keys").await;
    for _ in 0..2 {
        let answer = product.post("/api/api-keys", &token, &key).await;
        assert_unavailable(&answer, "away");
        assert!(answer.header("x-request-id").is_some());
    }
    set(&product, Service::SecretsManager, FaultKind::Throttled);
    assert_unavailable(&product.post("/api/api-keys/", &token, &key).await, "throttled");
    mend(&product, Service::SecretsManager);
    // The same process, and a path with a slash at its end.
    once_back(async || product.post("/api/api-keys/", &token, &key).await).await.expect(201);
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn a_mail_that_ses_does_not_take_is_sent_when_it_does() {
    let product =
        Product::start_faulty_with("no-ses", "VisibilityTimeout: 330", "VisibilityTimeout: 2").await;
    let faults = product.stack.services().faults();
    let token = product.register().await;
    let me = product.call(Method::GET, "/auth/me").bearer(&token).send().await.expect(200);
    let path = format!("/api/organizations/{}/invitations", me["organizations"][0]["id"].as_str().unwrap());
    set(&product, Service::Ses, FaultKind::Away);
    let invitation = json!({ "email": "bob@example.com", "role": "member" });
    product.post(&path, &token, &invitation).await.expect(201);
    while faults.hits(Service::Ses) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(product.stack.mails().len(), 0);
    mend(&product, Service::Ses);
    assert_eq!(product.stack.next_mail().await.to, ["bob@example.com"]);
    assert_eq!(product.stack.panics(), 0);
    product.stack.shutdown().await;
}
