//! What a user does first, and what they fear most.

use http::Method;
use serde_json::json;
use stack::{Fault, FaultKind, Receiver, Service};
use standardwebhooks::Webhook;

use crate::product::Product;

#[tokio::test]
async fn an_event_published_with_a_key_reaches_a_receiver_signed() {
    let product = Product::start().await;
    let token = product.register().await;
    let body = json!({ "name": "Publisher", "scopes": ["events:write"] });
    let key =
        product.post("/api/api-keys", &token, &body).await.expect(201)["key"].as_str().unwrap().to_owned();
    let receiver = Receiver::start().await.unwrap();
    let (webhook, secret) = product.webhook(&token, &receiver).await;
    for n in 1..=2 {
        let body = json!({ "type": "invoice.paid", "data": { "n": n } });
        let event = product.post("/api/events", &key, &body).await.expect(202);
        let call = receiver.next_call().await;
        assert_eq!(call.header("webhook-id"), event["id"].as_str());
        assert_eq!(call.json()["data"], json!({ "n": n }));
        Webhook::new(&secret).unwrap().verify(&call.body, &call.headers).unwrap();
    }
    let path = format!("/api/webhooks/{webhook}/deliveries/");
    let list = product.call(Method::GET, &path).bearer(&token).send().await.expect(200);
    assert!(list["data"].as_array().unwrap().iter().all(|delivery| delivery["status"] == "delivered"));
    product.stack.shutdown().await;
}

#[tokio::test]
async fn an_event_arrives_although_the_dispatcher_was_killed_in_the_middle_of_its_delivery() {
    let product = Product::start_with("killed", "VisibilityTimeout: 240", "VisibilityTimeout: 2").await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    receiver.never_answer();
    product.webhook(&token, &receiver).await;
    let body = json!({ "type": "invoice.paid", "data": {} });
    let event = product.post("/api/events", &token, &body).await.expect(202);
    let first = receiver.next_call().await;
    product.stack.kill_instances("dispatcher").await;
    let second = receiver.next_call().await;
    assert_eq!(first.header("webhook-id"), event["id"].as_str());
    assert_eq!(second.header("webhook-id"), event["id"].as_str());
    assert_eq!(second.body, first.body);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn a_slash_at_the_end_makes_no_difference_and_other_paths_do_not_exist() {
    let product = Product::start().await;
    let token = product.register().await;
    for (path, status) in [
        ("/health", 200),
        ("/health/", 200),
        ("/openapi.json", 200),
        ("/auth/me/", 200),
        ("/api/webhooks/", 200),
        ("/api/webhooks/whk_01kdvdna000w3ge1r70w3ge1r7/", 404),
        ("/nothing", 404),
        ("/api/webhooks/a/b/c", 404),
    ] {
        let answer = product.call(Method::GET, path).bearer(&token).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    product.stack.shutdown().await;
}

#[tokio::test]
async fn a_body_that_the_gateway_hands_over_in_base64_is_read_like_any_other() {
    let product = Product::start().await;
    let token = product.register().await;
    let request = product.call(Method::PATCH, "/api/webhooks/whk_01kdvdna000w3ge1r70w3ge1r7").bearer(&token);
    let answer = request.body("application/merge-patch+json", r#"{"timeout_seconds":99}"#).send().await;
    assert_eq!(answer.field_problems(), [("/timeout_seconds".to_owned(), "out_of_range".to_owned())]);
    product.stack.shutdown().await;
}

#[tokio::test]
async fn the_walk_after_a_deployment_passes_where_all_is_well_and_nowhere_else() {
    let product = Product::start_faulty().await;
    let walk = async || {
        let walk = it::repository().join(".ci/walk");
        let output = tokio::process::Command::new(walk).arg(product.stack.url()).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(walk().await, (true, String::new()));
    product.stack.services().faults().set(Service::DynamoDb, Some(Fault::of(FaultKind::Throttled)));
    let (passed, why) = walk().await;
    assert!(!passed && why.starts_with("walk: it is alive: expected 200"), "{why}");
    product.stack.shutdown().await;
}

/// `.ci/walk` with an account: whether it went through, and the last thing that it said.
async fn walk(product: &Product, password: &str) -> (bool, String) {
    let walk = tokio::process::Command::new(it::repository().join(".ci/walk"))
        .arg(product.stack.url())
        .env("WALK_EMAIL", "ada@example.com")
        .env("WALK_PASSWORD", password)
        .output();
    let walked = walk.await.unwrap();
    let said = String::from_utf8(walked.stdout).unwrap() + &String::from_utf8(walked.stderr).unwrap();
    (walked.status.success(), said.lines().last().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_walk_that_follows_a_deployment_goes_through_or_says_where_it_ended() {
    let product = Product::start().await;
    product.register().await;
    assert_eq!(walk(&product, it::PASSWORD).await, (true, "walk: signed out: 204".to_owned()));
    let refused = "walk: ada@example.com does not get in: invalid_credentials".to_owned();
    assert_eq!(walk(&product, "a \"password\" with \\").await, (false, refused));
    product.stack.shutdown().await;
}
