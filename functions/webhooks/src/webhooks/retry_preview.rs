//! `GET /api/webhooks/{id}/retry-preview` shows when a delivery that begins now and fails would be tried.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::http::{Operation, PathId};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::RetrySchedule;

use crate::Webhooks;

/// One attempt.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlannedAttempt")]
pub(crate) struct PlannedAttempt {
    number: u16,
    /// After the one before, give or take a fifth.
    after_seconds: u32,
    /// If every wait is as short as it can be.
    earliest_at: Timestamp,
    /// If every wait is as long as it can be. The time that attempts take, and what a receiver asks for with
    /// `Retry-After`, come on top.
    latest_at: Timestamp,
}

/// The plan.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RetryPreview")]
pub(crate) struct Answer {
    attempts: Vec<PlannedAttempt>,
}

pub(crate) fn operation() -> Operation {
    let attempt = |number: u16, after: u32, earliest: &str, latest: &str| json!({ "number": number, "after_seconds": after, "earliest_at": earliest, "latest_at": latest });
    let attempts = [
        attempt(1, 0, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        attempt(2, 5, "2026-01-01T00:00:04.000Z", "2026-01-01T00:00:06.000Z"),
    ];
    Operation::new("previewRetries", "Show when a delivery that fails would be tried").answers::<Answer>(
        200,
        "The attempts of a delivery that begins now",
        json!({ "attempts": attempts }),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<Answer>, Problem> {
    let webhook = core.table.webhook(caller.org(), id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Answer { attempts: plan(&webhook.retry_schedule, core.clock.now()) }))
}

fn plan(schedule: &RetrySchedule, now: Timestamp) -> Vec<PlannedAttempt> {
    let first = PlannedAttempt { number: 1, after_seconds: 0, earliest_at: now, latest_at: now };
    let (mut earliest, mut latest) = (Duration::ZERO, Duration::ZERO);
    let mut attempts = vec![first];
    for (after_seconds, number) in schedule.seconds().iter().copied().zip(2..) {
        earliest += RetrySchedule::wait(after_seconds, -1.0);
        latest += RetrySchedule::wait(after_seconds, 1.0);
        attempts.push(PlannedAttempt {
            number,
            after_seconds,
            earliest_at: now.plus(earliest),
            latest_at: now.plus(latest),
        });
    }
    attempts
}
