//! What a webhook that never answers does to its neighbours: the same steady load to 99 healthy webhooks and
//! one more, which is healthy in the first half and hangs in the second, in the same run.

use std::time::Duration;

use serde_json::json;

use crate::figures::ms;
use crate::product::Product;
use crate::sink::{Sink, now_ms, percentiles};

const HEALTHY: usize = 99;
const EVENTS: u64 = 60;
const EVERY: Duration = Duration::from_millis(500);
const TIMEOUT_SECONDS: u32 = 5;
/// What the healthy ones may lose, at their 99th part of a hundred.
const RATIO_MAX: f64 = 2.0;

/// One half: how long the healthy ones' deliveries were under way, and how many came.
async fn half(product: &Product, email: &str, hangs: bool) -> ([Duration; 2], usize) {
    let org = product.organization(email).await;
    let odd = Sink::start(hangs).await;
    product.webhook(&org, &odd.url, TIMEOUT_SECONDS).await;
    let mut sinks = Vec::new();
    for _ in 0..HEALTHY {
        let sink = Sink::start(false).await;
        product.webhook(&org, &sink.url, TIMEOUT_SECONDS).await;
        sinks.push(sink);
    }
    let mut ticks = tokio::time::interval(EVERY);
    for n in 0..EVENTS {
        ticks.tick().await;
        let body = json!({ "type": "a.b", "data": { "n": n, "sent": now_ms() } });
        product.post("/api/events", &org.key, &body, 202).await;
    }
    let wanted = HEALTHY * usize::try_from(EVENTS).unwrap_or(0);
    for _ in 0..600 {
        if sinks.iter().map(Sink::count).sum::<usize>() >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let times: Vec<_> = sinks.iter().flat_map(Sink::seen).map(|(_, time)| time).collect();
    let count = times.len();
    (percentiles(times, [50, 99]), count)
}

pub(crate) async fn run() -> bool {
    let product = Product::start().await;
    // The first deliveries start the processes.
    half(&product, "warm@example.com", false).await;
    let ([half_alone, most_alone], count_alone) = half(&product, "ada@example.com", false).await;
    let ([half_beside, most_beside], count_beside) = half(&product, "eve@example.com", true).await;
    let ratio = most_beside.as_secs_f64() / most_alone.as_secs_f64().max(0.001);
    println!("| {HEALTHY} healthy webhooks, {EVENTS} events | Arrived | p50, ms | p99, ms |");
    println!("|---|---|---|---|");
    println!("| and one more | {count_alone} | {} | {} |", ms(half_alone), ms(most_alone));
    println!("| and one that never answers | {count_beside} | {} | {} |", ms(half_beside), ms(most_beside));
    println!("\np99 with it / without: {ratio:.2}");
    product.stack.shutdown().await;
    count_alone == count_beside && ratio <= RATIO_MAX
}
