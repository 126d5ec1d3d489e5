//! The receiver, as a sender of webhooks sees it.

use std::time::Duration;

use reqwest::Client;
use stack::Receiver;

fn client() -> Client {
    let client = Client::builder().no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn post(receiver: &Receiver, body: &'static str) -> reqwest::Response {
    let request = client().post(format!("{}/hooks?a=1", receiver.url()));
    request.header("webhook-id", "evt_1").body(body).send().await.unwrap()
}

#[tokio::test]
async fn answers_come_in_the_order_they_were_given_and_then_200() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer(503);
    receiver.answer_with(429, &[("retry-after", "7")], "slow down");
    receiver.redirect(302, "http://169.254.169.254/");
    assert_eq!(post(&receiver, "1").await.status(), 503);
    let slow = post(&receiver, "2").await;
    assert_eq!(slow.status(), 429);
    assert_eq!(slow.headers()["retry-after"], "7");
    assert_eq!(slow.text().await.unwrap(), "slow down");
    assert_eq!(post(&receiver, "3").await.headers()["location"], "http://169.254.169.254/");
    assert_eq!(post(&receiver, "4").await.status(), 200);
    receiver.otherwise(500);
    assert_eq!(post(&receiver, "5").await.status(), 500);
    assert_eq!(receiver.calls().len(), 5);
}

#[tokio::test]
async fn calls_are_kept_as_they_came_and_handed_out_once() {
    let receiver = Receiver::start().await.unwrap();
    let (first, _) = tokio::join!(receiver.next_call(), post(&receiver, r#"{"a": 1}"#));
    assert_eq!(first.method, "POST");
    assert_eq!(first.path, "/hooks?a=1");
    assert_eq!(first.header("webhook-id"), Some("evt_1"));
    assert_eq!(first.body, r#"{"a": 1}"#);
    post(&receiver, "second").await;
    assert_eq!(receiver.next_call().await.body, "second");
    assert!(receiver.call_within(Duration::ZERO).await.is_none());
    post(&receiver, "third").await;
    assert_eq!(receiver.next_call().await.body, "third");
}

#[tokio::test]
async fn a_call_without_an_answer_stays_open() {
    let receiver = Receiver::start().await.unwrap();
    receiver.never_answer();
    let url = receiver.url().to_owned();
    let request = client().post(url).timeout(Duration::from_millis(50)).send();
    assert!(request.await.unwrap_err().is_timeout());
    assert_eq!(receiver.calls().len(), 1);
}
