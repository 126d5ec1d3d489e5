//! SECRET_KEY is rotated, and a key of old taken away, while the product is called.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use it::{read_secret_key, write_secret_key};
use serde_json::{Value, json};
use shared::token::kid_of;
use stack::Receiver;
use standardwebhooks::Webhook;

use crate::product::Product;

const FUNCTIONS: [(&str, &str); 4] = [
    ("auth", "/auth/me"),
    ("organizations", "/api/organizations"),
    ("api_keys", "/api/api-keys"),
    ("webhooks", "/api/webhooks"),
];

async fn log_in(product: &Product) -> String {
    let body = json!({ "email": "ada@example.com", "password": it::PASSWORD });
    let answer = product.call(Method::POST, "/auth/login").json(&body).send().await.expect(200);
    answer["access_token"].as_str().unwrap().to_owned()
}

/// How each function answers a call with a token.
async fn statuses(product: &Product, token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (_, path) in FUNCTIONS {
        statuses.push(product.call(Method::GET, path).bearer(token).send().await.status.as_u16());
    }
    statuses
}

/// Every function begins anew, and reads SECRET_KEY as it is.
async fn begin_anew(product: &Product) {
    for function in FUNCTIONS.map(|(function, _)| function).into_iter().chain(["dispatcher"]) {
        product.stack.kill_instances(function).await;
    }
}

async fn an_event_arrives_signed(product: &Product, token: &str, receiver: &Receiver, secret: &str) {
    let body = json!({ "type": "invoice.paid", "data": {} });
    let event = product.post("/api/events", token, &body).await.expect(202);
    let call = receiver.next_call().await;
    assert_eq!(call.header("webhook-id"), event["id"].as_str());
    Webhook::new(secret).unwrap().verify(&call.body, &call.headers).unwrap();
}

/// The ring as it is when the new key has become active.
fn active(mut ring: Value) -> Value {
    assert!(ring["activates_at"].is_string(), "a new key is not active at once");
    ring["activates_at"] = json!("2026-01-01T00:00:00.000Z");
    ring
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_key_before_are_good_until_it_is_gone_and_deliveries_verify_throughout() {
    let product = Arc::new(Product::start().await);
    let (old, receiver) = (product.register().await, Receiver::start().await.unwrap());
    let (_, secret) = product.webhook(&old, &receiver).await;
    an_event_arrives_signed(&product, &old, &receiver, &secret).await;
    for (function, _) in FUNCTIONS {
        product.stack.warm(function, 2).await;
    }

    let version = rotate_under_load(&product, &old).await;
    an_event_arrives_signed(&product, &old, &receiver, &secret).await;
    // Of two instances one knows the new key now, and neither makes anything with it.
    product.stack.kill_instances("auth").await;
    assert_eq!(kid_of(&log_in(&product).await).as_deref(), Some("k1"));
    assert_eq!(statuses(&product, &old).await, [200; 4]);

    let ring = active(read_secret_key(product.stack.services()).await);
    write_secret_key(product.stack.services(), &ring).await;
    begin_anew(&product).await;
    let new = log_in(&product).await;
    assert_eq!(kid_of(&new).as_deref(), Some(version.as_str()));
    assert_eq!([statuses(&product, &old).await, statuses(&product, &new).await], [[200; 4], [200; 4]]);
    an_event_arrives_signed(&product, &old, &receiver, &secret).await;

    let answer = product.stack.invoke("migrator", &json!({ "migration": "reseal" })).await.unwrap();
    assert_eq!(
        (&answer["done"], &answer["changed"], &answer["found"]),
        (&json!(true), &json!(2), &json!({}))
    );
    let mut without = ring;
    without.as_object_mut().unwrap().remove("previous");
    write_secret_key(product.stack.services(), &without).await;
    begin_anew(&product).await;
    assert_eq!([statuses(&product, &old).await, statuses(&product, &new).await], [[401; 4], [200; 4]]);
    an_event_arrives_signed(&product, &new, &receiver, &secret).await;
    Arc::into_inner(product).unwrap().stack.shutdown().await;
}

/// A rotation while each function is called with a token, again and again: the version that it made.
async fn rotate_under_load(product: &Arc<Product>, token: &str) -> String {
    let over = Arc::new(AtomicBool::new(false));
    let load = FUNCTIONS.map(|(_, path)| {
        let (product, token, over) = (Arc::clone(product), token.to_owned(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
            while !over.load(Ordering::SeqCst) {
                let answer = product.call(Method::GET, path).bearer(&token).send().await;
                *counts.entry(answer.status.as_u16()).or_default() += 1;
            }
            counts
        })
    });
    let version = product.stack.rotate().await.unwrap().remove(0);
    let again = product.stack.rotate().await.unwrap().remove(0);
    assert_ne!(again, version, "a rotation that has ended is followed by another");
    over.store(true, Ordering::SeqCst);
    for calls in load {
        let counts = calls.await.unwrap();
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [200], "{counts:?}");
    }
    again
}
