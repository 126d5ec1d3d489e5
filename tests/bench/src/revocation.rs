//! How long what was taken away still works: through the real binaries, with several instances of each
//! function warm, all of which know the caller.
//!
//! The promise is five seconds from the answer that took it away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use it::{Answer, PASSWORD, Request};
use serde_json::{Value, json};
use stack::Stack;
use tokio::task::JoinSet;

use crate::figures::ms;

const PROMISE: Duration = Duration::from_secs(5);
/// Of each function: so many processes that remember callers each for itself.
const INSTANCES: usize = 4;
/// How long calls go on after the promise, in which none may get through.
const AFTER: Duration = Duration::from_secs(2);

/// A call that tells whether a credential still gets past.
#[derive(Clone)]
struct Probe {
    function: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Probe {
    /// Asks about a key, with another credential: it is let through while it is said to be valid.
    fn verify(key: &str) -> Self {
        let (path, body) = ("/api/api-keys/verify".to_owned(), Some(json!({ "key": key })));
        Self { function: "api_keys", method: Method::POST, path, body }
    }

    fn get(function: &'static str, path: &str) -> Self {
        Self { function, method: Method::GET, path: path.to_owned(), body: None }
    }

    /// What lacks everything is refused with 422, by whoever may write: nothing is made.
    fn post(function: &'static str, path: &str) -> Self {
        Self { function, method: Method::POST, path: path.to_owned(), body: Some(json!({})) }
    }
}

struct Product {
    stack: Stack,
    client: reqwest::Client,
}

/// Somebody who is signed in.
struct Session {
    token: String,
    user: String,
    org: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn bearer(client: &reqwest::Client, url: &str, probe: &Probe, credential: &str) -> Request {
    let request = Request::new(client.request(probe.method.clone(), format!("{url}{}", probe.path)));
    let request = request.bearer(credential);
    match &probe.body {
        Some(body) => request.json(body),
        None => request,
    }
}

impl Product {
    async fn start() -> Self {
        let stack = Stack::start(crate::product::unlimited()).await.unwrap();
        Self { stack, client: reqwest::Client::new() }
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: &Value, status: u16) -> Value {
        let probe = Probe { function: "", method, path: path.to_owned(), body: Some(body.clone()) };
        let answer = bearer(&self.client, self.stack.url(), &probe, token).send().await;
        if status == 204 {
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
            return Value::Null;
        }
        answer.expect(status)
    }

    async fn register(&self, email: &str) -> Session {
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        let made = self.call(Method::POST, "/auth/register", "none", &body, 201).await;
        let (user, org) = (text(&made["user"]["id"]), text(&made["organization"]["id"]));
        Session { token: text(&made["access_token"]), user, org }
    }

    async fn sign_in(&self, email: &str) -> Value {
        let body = json!({ "email": email, "password": PASSWORD });
        self.call(Method::POST, "/auth/login", "none", &body, 200).await
    }

    /// A colleague of `owner` with a role, signed in where they work.
    async fn colleague(&self, owner: &Session, email: &str, role: &str) -> Session {
        let path = format!("/api/organizations/{}/invitations", owner.org);
        let body = json!({ "email": email, "role": role });
        self.call(Method::POST, &path, &owner.token, &body, 201).await;
        let mail = self.stack.next_mail().await;
        let token = text(&json!(mail.text.unwrap().split("token=").nth(1).unwrap().lines().next().unwrap()));
        let body = json!({ "email": email, "password": PASSWORD, "invitation_token": token });
        let made = self.call(Method::POST, "/auth/register", "none", &body, 201).await;
        let user = text(&made["user"]["id"]);
        Session { token: text(&made["access_token"]), user, org: owner.org.clone() }
    }

    async fn api_key(&self, by: &Session, scopes: &[&str]) -> (String, String) {
        let body = json!({ "name": "A key", "scopes": scopes });
        let made = self.call(Method::POST, "/api/api-keys", &by.token, &body, 201).await;
        (text(&made["id"]), text(&made["key"]))
    }

    /// Every instance of every function gets to know the credential; then it is taken away, while calls go
    /// on; what came of them from that answer on.
    async fn measure(
        &self,
        probes: &[Probe],
        credential: &str,
        revoke: impl Future<Output = Value>,
    ) -> Measured {
        for probe in probes {
            self.stack.warm(probe.function, INSTANCES).await;
            // More than there are instances, at once: each has its part.
            for _ in 0..2 {
                let calls: JoinSet<_> = (0..INSTANCES)
                    .map(|_| bearer(&self.client, self.stack.url(), probe, credential).send())
                    .collect();
                for answer in calls.join_all().await {
                    assert!(gets_through(&answer), "{} {}: {}", probe.method, probe.path, answer.text);
                }
            }
        }
        revoke.await;
        let (revoked, end) = (Instant::now(), Instant::now() + PROMISE + AFTER);
        let mut running = JoinSet::new();
        for probe in probes.iter().flat_map(|probe| vec![probe.clone(); INSTANCES]) {
            let (client, url) = (self.client.clone(), self.stack.url().to_owned());
            let credential = credential.to_owned();
            running.spawn(async move {
                let mut measured = Measured::default();
                while Instant::now() < end {
                    let began = Instant::now();
                    let answer = bearer(&client, &url, &probe, &credential).send().await;
                    measured.calls += 1;
                    if gets_through(&answer) {
                        measured.last = began.duration_since(revoked);
                    } else if !is_refused(&answer) {
                        *measured.neither.entry(answer.status.as_u16()).or_default() += 1;
                    }
                }
                measured
            });
        }
        running.join_all().await.into_iter().fold(Measured::default(), Measured::and)
    }
}

/// 422 comes from behind the check of who is calling; a verdict on a key says so itself. What is neither
/// this nor a refusal is counted.
fn gets_through(answer: &Answer) -> bool {
    let unless_refused = !answer.text.starts_with("{\"valid\":false");
    (answer.status.is_success() && unless_refused) || answer.status == StatusCode::UNPROCESSABLE_ENTITY
}

fn is_refused(answer: &Answer) -> bool {
    answer.text.starts_with("{\"valid\":false")
        || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status)
}

/// What came of the calls after something was taken away.
#[derive(Clone, Debug, Default)]
struct Measured {
    /// When the last call began that got through.
    last: Duration,
    calls: usize,
    /// Of those that were neither let through nor refused, how many had which status.
    neither: BTreeMap<u16, usize>,
}

impl Measured {
    fn and(mut self, other: Self) -> Self {
        for (status, calls) in other.neither {
            *self.neither.entry(status).or_default() += calls;
        }
        Self { last: self.last.max(other.last), calls: self.calls + other.calls, ..self }
    }
}

fn of_a_person(org: &str) -> Vec<Probe> {
    vec![
        Probe::get("auth", "/auth/me"),
        Probe::get("organizations", &format!("/api/organizations/{org}")),
        Probe::get("api_keys", "/api/api-keys"),
        Probe::get("webhooks", "/api/webhooks"),
    ]
}

fn of_writers(org: &str) -> Vec<Probe> {
    vec![
        Probe::post("organizations", &format!("/api/organizations/{org}/invitations")),
        Probe::post("webhooks", "/api/webhooks"),
    ]
}

fn of_a_key(org: &str) -> Vec<Probe> {
    let mut probes = of_a_person(org);
    probes.remove(0);
    probes
}

/// What is taken away, and how long it still worked.
async fn cases(product: &Product) -> Vec<(&'static str, usize, Measured)> {
    let mut measured = Vec::new();
    let ada = product.register("ada@example.com").await;
    let reading = ["organization:read", "api_keys:read", "webhooks:read"];

    let (id, key) = product.api_key(&ada, &reading).await;
    let probes = of_a_key(&ada.org);
    let path = format!("/api/api-keys/{id}");
    let revoke = product.call(Method::DELETE, &path, &ada.token, &Value::Null, 204);
    measured.push(("a key that was revoked", probes.len(), product.measure(&probes, &key, revoke).await));

    let (id, key) = product.api_key(&ada, &reading).await;
    let path = format!("/api/api-keys/{id}");
    let revoke = product.call(Method::DELETE, &path, &ada.token, &Value::Null, 204);
    let took = product.measure(&[Probe::verify(&key)], &ada.token, revoke).await;
    measured.push(("a key that was revoked, by verify", 1, took));

    let other = text(&product.sign_in("ada@example.com").await["access_token"]);
    let probes = of_a_person(&ada.org);
    let body = json!({ "scope": "local" });
    let revoke = product.call(Method::POST, "/auth/logout", &other, &body, 204);
    measured.push(("a session that was ended", probes.len(), product.measure(&probes, &other, revoke).await));

    let bob = product.colleague(&ada, "bob@example.com", "admin").await;
    let (_, key) = product.api_key(&bob, &["webhooks:write", "members:write"]).await;
    let member = format!("/api/organizations/{}/members/{}", ada.org, bob.user);
    let probes = of_writers(&ada.org);
    let body = json!({ "role": "viewer" });
    let revoke = product.call(Method::PATCH, &member, &ada.token, &body, 200);
    let took = product.measure(&probes, &key, revoke).await;
    measured.push(("a key whose maker was demoted", probes.len(), took));

    let body = json!({ "role": "admin" });
    product.call(Method::PATCH, &member, &ada.token, &body, 200).await;
    tokio::time::sleep(PROMISE).await;
    let body = json!({ "role": "viewer" });
    let revoke = product.call(Method::PATCH, &member, &ada.token, &body, 200);
    let took = product.measure(&probes, &bob.token, revoke).await;
    measured.push(("a role that was lowered", probes.len(), took));

    let probes = of_a_key(&ada.org);
    let revoke = product.call(Method::DELETE, &member, &ada.token, &Value::Null, 204);
    let took = product.measure(&probes, &bob.token, revoke).await;
    measured.push(("a member who was removed", probes.len(), took));

    let eve = product.register("eve@example.com").await;
    let (_, key) = product.api_key(&eve, &reading).await;
    let probes = of_a_key(&eve.org);
    let path = format!("/api/organizations/{}", eve.org);
    let revoke = product.call(Method::DELETE, &path, &eve.token, &Value::Null, 204);
    let took = product.measure(&probes, &key, revoke).await;
    measured.push(("an organisation that was deleted, by its key", probes.len(), took));
    measured
}

pub(crate) async fn run() -> bool {
    let product = Product::start().await;
    println!(
        "| Taken away | Functions × instances | Calls | Other answers | Last that got through began, ms after |"
    );
    println!("|---|---|---|---|---|");
    let mut worst = Duration::ZERO;
    for (what, functions, measured) in cases(&product).await {
        let Measured { last, calls, neither } = measured;
        let other: Vec<_> = neither.iter().map(|(status, calls)| format!("{status}: {calls}")).collect();
        let other = other.join(", ");
        println!("| {what} | {functions} × {INSTANCES} | {calls} | {other} | {} |", ms(last));
        worst = worst.max(last);
    }
    println!("\nWorst: {} ms of the {} ms that are promised.", ms(worst), PROMISE.as_millis());
    product.stack.shutdown().await;
    worst <= PROMISE
}
