//! What a receiver that is dead for a day costs, and how what was parked arrives when it is back. In one
//! process, with a clock that is moved: a day takes minutes.

use std::collections::BTreeMap;

use http::Method;
use it::App;
use serde_json::json;
use shared::webhook::RetrySchedule;

const EVENTS: usize = 10_000;
const DAY: u64 = 24 * 3600;

/// Calls, and writes to the table, by what makes deliveries.
#[derive(Default)]
struct Cost {
    calls: usize,
    writes: BTreeMap<String, usize>,
}

impl Cost {
    fn count(&mut self, table_calls: Vec<String>) {
        for call in table_calls {
            if ["Put", "Update", "Delete", "Transact", "BatchWrite"]
                .iter()
                .any(|write| call.starts_with(write))
            {
                *self.writes.entry(call).or_default() += 1;
            }
        }
    }

    fn all(&self) -> usize {
        self.writes.values().sum()
    }
}

/// The attempts that the schedule would make within the day, if nothing was parked.
fn attempts_by_schedule() -> usize {
    let schedule = RetrySchedule::default();
    let of_event = |n: usize| {
        let mut at = u64::try_from(n).unwrap_or(0) * DAY / u64::try_from(EVENTS).unwrap_or(1);
        let waits = schedule.seconds().iter();
        1 + waits
            .take_while(|wait| {
                at += u64::from(**wait);
                at < DAY
            })
            .count()
    };
    (0..EVENTS).map(of_event).sum()
}

pub(crate) async fn run() -> bool {
    let (app, ada, receiver, _webhook) = App::with_webhook().await;
    let key = app.api_key(&ada, &["events:write"]).await;
    receiver.otherwise(500);
    app.sweep().await;
    let mut cost = Cost::default();
    let mut swept = app.core.clock.now();
    let step_ms = DAY * 1000 / u64::try_from(EVENTS).unwrap_or(1);
    for n in 0..EVENTS {
        app.hands.advance(std::time::Duration::from_millis(step_ms));
        let body = json!({ "type": "a.b", "data": { "n": n } });
        app.call(Method::POST, "/api/events").bearer(&key).json(&body).send().await.expect(202);
        app.table_calls();
        app.drain().await;
        if app.core.clock.now().since(swept).as_secs() >= 60 {
            swept = app.core.clock.now();
            app.sweep().await;
        }
        cost.count(app.table_calls());
    }
    cost.calls = receiver.calls().len();
    let schedule = attempts_by_schedule();
    println!("| {EVENTS} events to a receiver that is dead for a day | Calls | Calls that write |");
    println!("|---|---|---|");
    println!("| with parking | {} | {} |", cost.calls, cost.all());
    println!("| by the schedule alone, one write each at the least | {schedule} | {schedule} |");
    println!("\nWrites: {:?}", cost.writes);

    receiver.otherwise(200);
    let back = app.core.clock.now();
    let mut last = 0;
    for second in 1..=DAY {
        app.advance(1);
        app.drain().await;
        if second % 60 == 0 {
            app.sweep().await;
        }
        if receiver.calls().len() >= cost.calls + EVENTS {
            break;
        }
        last = app.core.clock.now().since(back).as_secs();
    }
    let arrived: Vec<u64> =
        receiver.calls()[cost.calls..].iter().filter_map(|call| call.json()["data"]["n"].as_u64()).collect();
    let mut once = arrived.clone();
    once.sort_unstable();
    once.dedup();
    let behind = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
    println!(
        "\nBack: {} of {EVENTS} arrived within {last} s, {} more than once, {behind} after a later one.",
        once.len(),
        arrived.len() - once.len()
    );
    once.len() == EVENTS && arrived.len() == EVENTS && cost.calls < schedule / 10
}
