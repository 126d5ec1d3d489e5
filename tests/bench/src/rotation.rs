//! A rotation of SECRET_KEY in its own time, through the real binaries with several instances of each function, under
//! load and while strangers name keys that there are not. A quarter of an hour.
//!
//! The promise: nobody is refused, and every delivery verifies; once the old key is gone, everybody who comes with a
//! token of it is refused within five minutes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use it::{PASSWORD, Request, read_secret_key, write_secret_key};
use serde_json::{Value, json};
use shared::secret::{Keeper, LEAD};
use shared::token::kid_of;
use stack::{Receiver, Stack};
use standardwebhooks::Webhook;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::product::Product;

const INSTANCES: usize = 3;
const PAUSE: Duration = Duration::from_millis(150);
const PROBES: [(&str, &str); 4] = [
    ("auth", "/auth/me"),
    ("organizations", "/api/organizations"),
    ("api_keys", "/api/api-keys"),
    ("webhooks", "/api/webhooks"),
];

struct Caller {
    url: String,
    client: reqwest::Client,
}

impl Caller {
    fn of(stack: &Stack) -> Arc<Self> {
        Arc::new(Self { url: stack.url().to_owned(), client: reqwest::Client::new() })
    }

    async fn get(&self, path: &str, token: &str) -> u16 {
        let call = self.client.request(Method::GET, format!("{}{path}", self.url));
        Request::new(call).bearer(token).send().await.status.as_u16()
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let call = self.client.request(Method::POST, format!("{}{path}", self.url));
        Request::new(call).bearer(token).json(body).send().await.json()
    }

    async fn log_in(&self) -> String {
        let body = json!({ "email": "rotation@example.com", "password": PASSWORD });
        self.post("/auth/login", "none", &body).await["access_token"].as_str().unwrap().to_owned()
    }
}

/// What came of the calls of one kind.
type Counts = BTreeMap<u16, usize>;

/// A token that names a key which there is not.
fn of_nobody(token: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    // {"typ":"at+jwt","alg":"HS256","kid":"nope"}
    format!("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiIsImtpZCI6Im5vcGUifQ.{rest}")
}

/// Calls every function until `over`, each time with the newest token, which is made anew every ten seconds.
async fn people(caller: Arc<Caller>, over: watch::Receiver<bool>) -> (Counts, BTreeMap<String, usize>) {
    let (mut counts, mut kids) = (Counts::new(), BTreeMap::new());
    let (mut token, mut made) = (caller.log_in().await, Instant::now());
    while !*over.borrow() {
        if made.elapsed() > Duration::from_secs(10) {
            (token, made) = (caller.log_in().await, Instant::now());
        }
        *kids.entry(kid_of(&token).unwrap()).or_default() += 1;
        for (_, path) in PROBES {
            *counts.entry(caller.get(path, &token).await).or_default() += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    (counts, kids)
}

async fn strangers(caller: Arc<Caller>, over: watch::Receiver<bool>) -> Counts {
    let (mut counts, token) = (Counts::new(), of_nobody(&caller.log_in().await));
    while !*over.borrow() {
        for (_, path) in PROBES {
            *counts.entry(caller.get(path, &token).await).or_default() += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    counts
}

/// Publishes until `over`: how many events were accepted.
async fn publisher(caller: Arc<Caller>, key: String, over: watch::Receiver<bool>) -> usize {
    let mut accepted = 0;
    while !*over.borrow() {
        let body = json!({ "type": "invoice.paid", "data": { "n": accepted } });
        let answer = caller.post("/api/events", &key, &body).await;
        accepted += usize::from(answer["id"].is_string());
        tokio::time::sleep(PAUSE).await;
    }
    accepted
}

pub(crate) async fn run() -> bool {
    let product = Product::start().await;
    let (stack, caller) = (&product.stack, Caller::of(&product.stack));
    let organization = product.organization("rotation@example.com").await;
    let receiver = Receiver::start().await.unwrap();
    let body = json!({ "url": receiver.url(), "timeout_seconds": 15 });
    let made = product.post("/api/webhooks", &organization.key, &body, 201).await;
    let secret = Webhook::new(made["secret"].as_str().unwrap()).unwrap();
    for (function, _) in PROBES {
        stack.warm(function, INSTANCES).await;
    }

    let (end, over) = watch::channel(false);
    let mut load = JoinSet::new();
    for _ in 0..2 {
        load.spawn(people(Arc::clone(&caller), over.clone()));
    }
    let odd = tokio::spawn(strangers(Arc::clone(&caller), over.clone()));
    let events = tokio::spawn(publisher(Arc::clone(&caller), organization.key.clone(), over.clone()));
    let old = caller.log_in().await;
    tokio::time::sleep(Duration::from_secs(35)).await;
    let version = stack.rotate().await.unwrap().remove(0);
    let mut old_token = Counts::new();
    let rotated = Instant::now();
    while rotated.elapsed() < LEAD + Duration::from_mins(1) {
        for (_, path) in PROBES {
            *old_token.entry(caller.get(path, &old).await).or_default() += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    end.send(true).unwrap();
    let (mut new_tokens, mut kids) = (Counts::new(), BTreeMap::<String, usize>::new());
    for (counts, of) in load.join_all().await {
        for (status, calls) in counts {
            *new_tokens.entry(status).or_default() += calls;
        }
        for (kid, calls) in of {
            *kids.entry(kid).or_default() += calls;
        }
    }
    let (strangers, accepted) = (odd.await.unwrap(), events.await.unwrap());
    println!("| Calls with | Answers |\n|---|---|");
    println!("| a token of the key before | {old_token:?} |");
    println!("| the newest token | {new_tokens:?} |");
    println!("| a token of a key that there is not | {strangers:?} |");
    println!("\nTokens were made by {kids:?}.");
    let verified = verified(&receiver, &secret, accepted).await;
    println!("{accepted} events were accepted, {verified} deliveries verify.");
    let gone = gone(stack, &caller).await;
    product.stack.shutdown().await;
    let only = |counts: &Counts, status: u16| counts.keys().all(|known| *known == status);
    only(&old_token, 200)
        && only(&new_tokens, 200)
        && only(&strangers, 401)
        && kids.contains_key("k1")
        && kids.contains_key(&version)
        && verified == accepted
        && gone
}

/// How many deliveries came and are signed with the secret, once the last one has come.
async fn verified(receiver: &Receiver, secret: &Webhook, accepted: usize) -> usize {
    let began = Instant::now();
    while receiver.calls().len() < accepted && began.elapsed() < Duration::from_mins(2) {
        tokio::time::sleep(PAUSE).await;
    }
    let calls = receiver.calls();
    let signed = |call: &&stack::Call| {
        // The library takes only what was signed within five minutes.
        let (Some(id), Some(at)) = (call.header("webhook-id"), call.header("webhook-timestamp")) else {
            return false;
        };
        let expected = secret.sign(id, at.parse().unwrap(), &call.body).unwrap();
        call.header("webhook-signature").unwrap_or_default().split(' ').any(|one| one == expected)
    };
    calls.iter().filter(signed).count()
}

/// The old key is taken away: how long its tokens still work, in instances that run on.
async fn gone(stack: &Stack, caller: &Caller) -> bool {
    let mut ring = read_secret_key(stack.services()).await;
    let (of, token) = (ring["kid"].clone(), caller.log_in().await);
    println!("\nThe key {of} is taken away, and another put in its place.");
    ring["kid"] = json!("emergency");
    ring["key"] = json!("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for name in ["previous", "activates_at"] {
        ring.as_object_mut().unwrap().remove(name);
    }
    write_secret_key(stack.services(), &ring).await;
    let (began, mut last) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < Keeper::REFRESH + Duration::from_secs(20) {
        for (_, path) in PROBES {
            if caller.get(path, &token).await == 200 {
                last = began.elapsed();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    println!("Its tokens were refused everywhere after {} s.", last.as_secs());
    last < Keeper::REFRESH + Duration::from_secs(5)
}
