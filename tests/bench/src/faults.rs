//! Each service switched off in turn under steady load, through the real binaries: what callers see, how long
//! it takes until all is well again, and whether a word that was given was kept.
//!
//! It fails where something accepted is lost, a success was none, callers saw an error of the server other than
//! 503 and 504, or a function panicked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use it::{PASSWORD, Request};
use serde_json::{Value, json};
use stack::{Fault, FaultKind, Options, Service, Stack};
use tokio::task::JoinSet;

use crate::figures::{Samples, ms};
use crate::product::unlimited;
use crate::sink::{Sink, now_ms};

/// How long nothing may arrive until what is missing is taken for lost: longer than the queue hides a message
/// that was not done.
const SILENCE: Duration = Duration::from_mins(6);
/// How long all has to be well before and after.
const CALM: Duration = Duration::from_secs(5);
/// Longer than a function may take to answer in any case.
const RECOVERY_MAX: Duration = Duration::from_mins(1);

/// For how long each service is away: 30 s, or what `BENCH_FAULT_SECONDS` says for a machine with less time.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
fn away() -> Duration {
    let seconds = std::env::var("BENCH_FAULT_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// What callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Register,
    LogIn,
    Verify,
    Read,
    Publish,
}

impl Act {
    const ALL: [Self; 5] = [Self::Register, Self::LogIn, Self::Verify, Self::Read, Self::Publish];

    /// How far apart the calls are. Logging in and registering have limits of their own, of 20 and 5 a minute from
    /// one address; a call to a service that is away takes three seconds, and the local stack has sixteen processes
    /// for each function: what comes faster than those can answer would measure how it queues.
    const fn every(self) -> Duration {
        match self {
            Self::Register => Duration::from_secs(14),
            Self::LogIn => Duration::from_secs(4),
            Self::Verify | Self::Read => Duration::from_millis(600),
            Self::Publish => Duration::from_millis(500),
        }
    }
}

/// One answer.
struct Seen {
    act: Act,
    /// When the call began.
    at: Instant,
    took: Duration,
    status: u16,
    retry_after: bool,
}

/// What was promised: to be looked at in the end.
#[derive(Default)]
struct Promised {
    events: BTreeSet<u64>,
    tokens: Vec<String>,
}

/// Callers, and what they have seen.
struct Load {
    stack: Stack,
    client: reqwest::Client,
    token: String,
    key: String,
    seen: Mutex<Vec<Seen>>,
    promised: Mutex<Promised>,
}

impl Load {
    fn promised<T>(&self, work: impl FnOnce(&mut Promised) -> T) -> T {
        work(&mut self.promised.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn seen<T>(&self, work: impl FnOnce(&mut Vec<Seen>) -> T) -> T {
        work(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn call(&self, method: Method, path: &str) -> Request {
        Request::new(self.client.request(method, format!("{}{path}", self.stack.url())))
    }

    async fn act(&self, act: Act, n: u64) {
        let account = |n| json!({ "email": format!("n{n}@example.com"), "password": PASSWORD, "organization": { "name": "N" } });
        let call = match act {
            Act::Register => self.call(Method::POST, "/auth/register").json(&account(n)),
            Act::LogIn => {
                let body = json!({ "email": "ada@example.com", "password": PASSWORD });
                self.call(Method::POST, "/auth/login").json(&body)
            }
            Act::Verify => {
                let call = self.call(Method::POST, "/api/api-keys/verify").bearer(&self.key);
                call.json(&json!({ "key": self.key }))
            }
            Act::Read => self.call(Method::GET, "/api/webhooks").bearer(&self.key),
            Act::Publish => {
                let body = json!({ "type": "a.b", "data": { "n": n, "sent": now_ms() } });
                self.call(Method::POST, "/api/events").bearer(&self.key).json(&body)
            }
        };
        let at = Instant::now();
        let answer = call.send().await;
        let (took, status) = (at.elapsed(), answer.status.as_u16());
        if answer.status.is_success() {
            let body = answer.json();
            match act {
                Act::Publish => drop(self.promised(|promised| promised.events.insert(n))),
                Act::Register | Act::LogIn => {
                    let token = body["access_token"].as_str().unwrap().to_owned();
                    self.promised(|promised| promised.tokens.push(token));
                }
                Act::Verify => assert_eq!(body["valid"], true, "{body}"),
                Act::Read => assert_eq!(body["data"].as_array().map(Vec::len), Some(1), "{body}"),
            }
        }
        let retry_after = answer.header("retry-after").is_some();
        self.seen(|seen| seen.push(Seen { act, at, took, status, retry_after }));
    }

    /// When, after `since`, each act first succeeded that began then.
    fn well(&self, since: Instant) -> Option<Instant> {
        self.seen(|seen| {
            let first = |act| {
                let good = seen.iter().filter(|one| one.act == act && one.at >= since && one.status < 300);
                good.map(|one| one.at + one.took).min()
            };
            let acts = Act::ALL.into_iter().filter(|act| *act != Act::Register);
            acts.map(first).collect::<Option<Vec<_>>>()?.into_iter().max()
        })
    }
}

/// Calls that go on until they are stopped.
fn begin(load: &Arc<Load>) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for act in Act::ALL {
        let load = Arc::clone(load);
        callers.spawn(async move {
            let mut ticks = tokio::time::interval(act.every());
            // In an outage calls take seconds, and callers go on all the same.
            let mut running = JoinSet::new();
            for n in 0.. {
                ticks.tick().await;
                while running.try_join_next().is_some() {}
                let load = Arc::clone(&load);
                running.spawn(async move { load.act(act, n).await });
            }
        });
    }
    callers
}

async fn start(sink: &Sink) -> Arc<Load> {
    let stack = Stack::start(Options { faults: true, ..unlimited() }).await.unwrap();
    let client = reqwest::Client::new();
    let post = async |path: &str, credential: &str, body: Value| {
        let call = client.request(Method::POST, format!("{}{path}", stack.url()));
        Request::new(call).bearer(credential).json(&body).send().await.expect(201)
    };
    let account =
        json!({ "email": "ada@example.com", "password": PASSWORD, "organization": { "name": "Acme" } });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let token = text(&post("/auth/register", "none", account).await["access_token"]);
    let scopes = json!(["events:write", "webhooks:read", "api_keys:read"]);
    let key = text(&post("/api/api-keys", &token, json!({ "name": "Load", "scopes": scopes })).await["key"]);
    post("/api/webhooks", &token, json!({ "url": sink.url })).await;
    let (seen, promised) = (Mutex::default(), Mutex::default());
    Arc::new(Load { stack, client, token, key, seen, promised })
}

/// What callers saw while a service was away, printed; false where it was not what is promised.
fn print(load: &Load, service: Service, (from, to): (Instant, Instant), recovered: Option<Duration>) -> bool {
    let mut good = recovered.is_some();
    load.seen(|seen| {
        for act in Act::ALL {
            let (mut statuses, mut times) = (BTreeMap::<u16, usize>::new(), Samples::default());
            for one in seen.iter().filter(|one| one.act == act && (from..to).contains(&one.at)) {
                *statuses.entry(one.status).or_default() += 1;
                times.add(one.took);
                good &= one.status < 500 || one.status == 504 || (one.status == 503 && one.retry_after);
            }
            if times.len() == 0 {
                continue;
            }
            let statuses: Vec<_> =
                statuses.iter().map(|(status, count)| format!("{status} × {count}")).collect();
            println!(
                "| {service:?} | {act:?} | {} | {} | {} | {} |",
                statuses.join(", "),
                ms(times.percentile(50)),
                ms(times.percentile(99)),
                recovered.map_or("never".to_owned(), ms)
            );
        }
    });
    good
}

/// One service away for a while, and back.
async fn outage(load: &Arc<Load>, service: Service) -> bool {
    let faults = load.stack.services().faults();
    faults.set(service, Some(Fault::of(FaultKind::Away)));
    if service == Service::SecretsManager {
        // Who has the key does not notice. Who starts now does.
        load.stack.kill_instances("webhooks").await;
    }
    // From here: what the processes were doing that were killed is ours, and no fault of the service.
    let from = Instant::now();
    tokio::time::sleep(away()).await;
    faults.set(service, None);
    let to = Instant::now();
    let mut well = None;
    while well.is_none() && to.elapsed() < RECOVERY_MAX {
        tokio::time::sleep(Duration::from_millis(50)).await;
        well = load.well(to);
    }
    tokio::time::sleep(CALM).await;
    print(load, service, (from, to), well.map(|at| at.duration_since(to)))
}

/// Whether every event that was accepted has arrived: how many have not, and how many came more than once.
async fn missing(load: &Load, sink: &Sink) -> (usize, usize) {
    let (mut count, mut since) = (sink.count(), Instant::now());
    loop {
        let seen = sink.seen();
        let arrived: BTreeSet<u64> = seen.iter().map(|(number, _)| *number).collect();
        let missing = load.promised(|promised| promised.events.difference(&arrived).count());
        if missing == 0 || since.elapsed() > SILENCE {
            return (missing, seen.len() - arrived.len());
        }
        if seen.len() > count {
            (count, since) = (seen.len(), Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn run() -> bool {
    let sink = Sink::start(false).await;
    let load = start(&sink).await;
    let mut callers = begin(&load);
    tokio::time::sleep(CALM).await;
    println!(
        "| Away for {} s | Callers | Answers | p50, ms | p99, ms | All well after, ms |",
        away().as_secs()
    );
    println!("|---|---|---|---|---|---|");
    let mut good = true;
    for service in [Service::DynamoDb, Service::Sqs, Service::SecretsManager, Service::Ses] {
        good &= outage(&load, service).await;
    }
    callers.shutdown().await;
    let (lost, repeated) = missing(&load, &sink).await;
    let mut lies = 0;
    let (events, tokens) =
        load.promised(|promised| (promised.events.len(), std::mem::take(&mut promised.tokens)));
    for token in tokens.iter().chain([&load.token]) {
        // A session that was given out is there, unless a caller's time is over.
        let answer = load.call(Method::GET, "/auth/me").bearer(token).send().await;
        lies += usize::from(answer.status != 200);
    }
    let panics = load.stack.panics();
    println!(
        "\n{events} events accepted, {lost} lost, {repeated} repeated; {} sessions given out, {lies} of them not there; {panics} panics.",
        tokens.len()
    );
    if let Ok(load) = Arc::try_unwrap(load) {
        load.stack.shutdown().await;
    }
    good && lost == 0 && lies == 0 && panics == 0
}
