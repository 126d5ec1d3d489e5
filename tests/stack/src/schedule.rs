//! Functions that are called every so often. Only `rate` expressions are; `cron` and
//! `at` wait for a tick by hand.

use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::lambda::Lambda;
use crate::moment;
use crate::template::{ACCOUNT_ID, REGION, Schedule};

/// Calls the function until it is dropped.
pub(crate) async fn run(schedule: Schedule, lambda: Lambda) {
    let Some(period) = schedule.period else {
        return;
    };
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        fire(&schedule, &lambda).await;
    }
}

/// Calls the function once. It reports its own errors.
pub(crate) async fn fire(schedule: &Schedule, lambda: &Lambda) {
    drop(lambda.invoke(event(schedule).into()).await);
}

fn event(schedule: &Schedule) -> String {
    match &schedule.input {
        Some(input) => input.clone(),
        None if schedule.is_rule => rule_event(&schedule.name).to_string(),
        None => "{}".to_owned(),
    }
}

/// What an `EventBridge` rule sends.
fn rule_event(name: &str) -> Value {
    json!({
        "version": "0",
        "id": moment::request_id(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": moment::iso_time(moment::now()),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/local-{name}")],
        "detail": {},
    })
}
