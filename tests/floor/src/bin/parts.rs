//! Parts of the functions by themselves, and what they are compared with: each prints what it took as JSON.
//!
//! ```text
//! parts hash-memory COUNT           taking the memory that `auth` hashes in
//! parts send URL COUNT AT_ONCE      the dispatcher's sender, with its guard
//! parts hyper URL COUNT AT_ONCE     the same bytes by hyper-util's client
//! parts sign COUNT                  HMAC over a kilobyte, as a delivery has it
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::HashMemory;
use bytes::Bytes;
use dispatcher::send::{Sender, SignedRequest};
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use shared::address::{EgressPolicy, TargetUrl};
use shared::delivery::Outcome;
use shared::webhook::SigningSecret;

type Failed = Box<dyn std::error::Error>;

/// A kilobyte, as most events are.
const BODY_BYTES: usize = 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["hash-memory", count] => hash_memory(count.parse()?),
        ["send", url, count, at_once] => send(url, count.parse()?, at_once.parse()?).await,
        ["hyper", url, count, at_once] => hyper(url, count.parse()?, at_once.parse()?).await,
        ["sign", count] => sign(count.parse()?),
        _ => Err("parts: see its first lines".into()),
    }
}

/// The processor time of this process.
fn cpu() -> Result<Duration, Failed> {
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        all += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(all))
}

/// What `count` of something took from `(began, cpu)` on.
fn tell(count: usize, (began, before): (Instant, Duration)) -> Result<(), Failed> {
    let (took, cpu) = (began.elapsed(), cpu()?.saturating_sub(before));
    println!("{}", json!({ "count": count, "cpu_ns": cpu.as_nanos(), "took_ns": took.as_nanos() }));
    Ok(())
}

fn hash_memory(count: usize) -> Result<(), Failed> {
    let start = (Instant::now(), cpu()?);
    for _ in 0..count {
        drop(std::hint::black_box(HashMemory::for_one()));
    }
    tell(count, start)
}

fn sign(count: usize) -> Result<(), Failed> {
    let secret: SigningSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
    let message = [b'a'; BODY_BYTES];
    let start = (Instant::now(), cpu()?);
    for _ in 0..count {
        std::hint::black_box(secret.sign(std::hint::black_box(&message)));
    }
    tell(count, start)
}

fn headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), HeaderValue::from_static("evt_01kdvhq4000w3gf1r70w3gf1r7")),
        (HeaderName::from_static("webhook-timestamp"), HeaderValue::from_static("1767225600")),
        (
            HeaderName::from_static("webhook-signature"),
            HeaderValue::from_static("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
        (HeaderName::from_static("webhook-attempt"), HeaderValue::from_static("1")),
    ]
}

async fn send(url: &str, count: usize, at_once: usize) -> Result<(), Failed> {
    let policy = EgressPolicy::parse("true", "127.0.0.0/8,::1/128", "1024-65535")?;
    let (sender, body) = (&Sender::new(policy.clone())?, Bytes::from(vec![b'a'; BODY_BYTES]));
    let (policy, body) = (&policy, &body);
    let one = move || async move {
        // As a delivery does: the stored text is read again, under the policy of the time.
        let url = TargetUrl::parse(url, policy).map_err(|error| error.to_string())?;
        let request = SignedRequest { url, headers: headers(), body: body.clone(), signed_at_ms: 0 };
        match sender.send(request, Duration::from_secs(15)).await.outcome {
            Outcome::Delivered { .. } => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    repeat(count, at_once, one).await
}

async fn hyper(url: &str, count: usize, at_once: usize) -> Result<(), Failed> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_or_http()
        .enable_http1()
        .build();
    let client = &Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let body = &Bytes::from(vec![b'a'; BODY_BYTES]);
    let one = move || async move {
        let mut request = Request::post(url);
        for (name, value) in headers() {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.clone())).map_err(|error| error.to_string())?;
        let answer = client.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        answer.into_body().collect().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(()) } else { Err(status.to_string()) }
    };
    repeat(count, at_once, one).await
}

/// Does it `count` times, `at_once` at a time, after as many that are not counted.
async fn repeat<Done>(count: usize, at_once: usize, one: impl Fn() -> Done) -> Result<(), Failed>
where
    Done: Future<Output = Result<(), String>>,
{
    let all = async |count| {
        let mut done = stream::iter(0..count).map(|_| one()).buffer_unordered(at_once);
        while let Some(result) = done.next().await {
            result?;
        }
        Ok::<_, Failed>(())
    };
    all(at_once * 4).await?;
    let start = (Instant::now(), cpu()?);
    all(count).await?;
    tell(count, start)
}
