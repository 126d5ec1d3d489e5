//! Many events at once to ten webhooks, through the real binaries on the local stack: whether all arrive, how
//! fast, and what a delivery costs the dispatcher.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::figures::ms;
use crate::product::{Product, cpu_of};
use crate::sink::{Sink, now_ms, percentiles};

const WEBHOOKS: usize = 10;
const BATCH: usize = 100;
const PUBLISHERS: usize = 4;
/// How long nothing may arrive until what is missing is taken for lost. Longer than the queue hides a message
/// that was not done.
const SILENCE: Duration = Duration::from_mins(6);

/// How many events: 20,000, or what `BENCH_EVENTS` says for a machine with less time.
fn events() -> usize {
    usize::try_from(crate::figures::setting("BENCH_EVENTS", 20_000)).unwrap_or(usize::MAX)
}

pub(crate) async fn run() -> bool {
    let product = std::sync::Arc::new(Product::start().await);
    let org = product.organization("ada@example.com").await;
    let mut sinks = Vec::new();
    for _ in 0..WEBHOOKS {
        let sink = Sink::start(false).await;
        product.webhook(&org, &sink.url, 15).await;
        sinks.push(sink);
    }
    let (events, began, cpu) = (events(), Instant::now(), cpu_of("dispatcher"));
    let mut publishing = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (product, key) = (std::sync::Arc::clone(&product), org.key.clone());
        let batches = (publisher * BATCH..events).step_by(PUBLISHERS * BATCH);
        publishing.spawn(async move {
            for first in batches {
                let sent = now_ms();
                let event = |n| json!({ "type": "a.b", "data": { "n": n, "sent": sent } });
                let batch: Vec<_> = (first..(first + BATCH).min(events)).map(event).collect();
                let answer = product.post("/api/events/batch", &key, &json!({ "events": batch }), 200).await;
                let results = answer["data"].as_array().unwrap();
                assert!(results.iter().all(|result| result["status"] == 202), "{answer}");
            }
        });
    }
    while publishing.join_next().await.transpose().unwrap().is_some() {}
    let published = began.elapsed();
    let wanted = events * WEBHOOKS;
    let (mut count, mut since) = (0, Instant::now());
    while count < wanted && since.elapsed() < SILENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now: usize = sinks.iter().map(Sink::count).sum();
        if now > count {
            (count, since) = (now, Instant::now());
        }
    }
    let took = began.elapsed();
    let cpu = cpu_of("dispatcher").saturating_sub(cpu);
    let mut times = Vec::new();
    let (mut missing, mut repeated) = (0, 0);
    for sink in &sinks {
        let seen = sink.seen();
        let different: BTreeSet<u64> = seen.iter().map(|(number, _)| *number).collect();
        missing += events - different.len();
        repeated += seen.len() - different.len();
        times.extend(seen.into_iter().map(|(_, time)| time));
    }
    let [half, most] = percentiles(times, [50, 99]);
    let rate = u32::try_from(wanted).map_or(0.0, f64::from) / took.as_secs_f64();
    let each = cpu / u32::try_from(wanted).unwrap_or(1);
    println!(
        "| Events × webhooks | Accepted after, s | Delivered after, s | Deliveries a second | End to end p50 / p99, ms | CPU of the dispatcher for each, µs | Lost | Repeated |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    println!(
        "| {events} × {WEBHOOKS} | {:.1} | {:.1} | {rate:.0} | {} / {} | {} | {missing} | {repeated} |",
        published.as_secs_f64(),
        took.as_secs_f64(),
        ms(half),
        ms(most),
        each.as_micros()
    );
    if let Ok(product) = std::sync::Arc::try_unwrap(product) {
        product.stack.shutdown().await;
    }
    missing == 0
}
