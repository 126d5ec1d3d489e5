//! `POST /api/webhooks/{id}/pause` stops deliveries, `POST …/resume` lets them go on, also after the receiver
//! had answered 410 or failed for days. What would have been delivered meanwhile is recorded as `skipped`, and
//! can be sent again. Where deliveries are parked, `resume` tries one of them now: whoever has mended their
//! receiver need not wait for the next trial.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::health::Breaker;
use shared::http::{Operation, PathId, etag};
use shared::id::{OrgId, WebhookId};
use shared::lane::Lane;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::queue::TurnTask;
use shared::webhook::{Status, Webhook};

use super::update::write;
use super::view::View;
use crate::Webhooks;

pub(crate) fn pause_operation() -> Operation {
    let mut example = View::example();
    example["status"] = json!("paused");
    example["paused_at"] = json!("2026-01-01T00:00:00.000Z");
    Operation::new("pauseWebhook", "Stop deliveries; what comes meanwhile is skipped, and kept")
        .answers::<View>(200, "The webhook as it is now", example)
        .fails(&[Kind::Conflict])
}

pub(crate) fn resume_operation() -> Operation {
    Operation::new("resumeWebhook", "Let deliveries go on, from now on")
        .answers::<View>(200, "The webhook as it is now", View::example())
        .fails(&[Kind::Conflict])
}

pub(crate) async fn pause(
    state: State<Webhooks>,
    caller: Principal,
    origin: Origin,
    id: PathId<WebhookId>,
) -> Result<Response, Problem> {
    let paused = |before: Status, now: Timestamp| match before {
        Status::Active => Some(Status::Paused { at: now }),
        // Whoever is off stays off for the reason that it has.
        Status::Paused { .. } | Status::Disabled(_) => None,
    };
    switch(state, (&caller, &origin), id, Action::WebhookPaused, paused).await
}

pub(crate) async fn resume(
    state: State<Webhooks>,
    caller: Principal,
    origin: Origin,
    id: PathId<WebhookId>,
) -> Result<Response, Problem> {
    let active = |before: Status, _| match before {
        Status::Active => None,
        Status::Paused { .. } | Status::Disabled(_) => Some(Status::Active),
    };
    let place = (caller.org(), id.0);
    let answer = switch(state.clone(), (&caller, &origin), id, Action::WebhookResumed, active).await?;
    try_now(&state.0, place).await?;
    Ok(answer)
}

/// Forgets the failures so far, which would switch the webhook off again, and tries what is parked.
async fn try_now(state: &Webhooks, place: (OrgId, WebhookId)) -> Result<(), Problem> {
    let (table, now) = (&state.core.table, state.core.clock.now());
    let health = table.health(place.0, place.1).await?;
    if health.streak.is_some() {
        table.note_success(place.0, place.1).await?;
    }
    let Breaker::Open { since, probes, .. } = health.breaker else { return Ok(()) };
    let next = Breaker::Open { since, probes, due: now };
    if table.end_turn(place, health.turn, next, now, None).await? {
        let task = TurnTask::new(place.0, Lane::Backlog(place.1), health.turn + 1, now);
        // Should it be lost, the sweeper sends another within minutes.
        if let Err(error) = state.queue.send(&[task.into()], now).await {
            tracing::warn!(%error, webhook = %place.1, "the trial of a receiver waits for the sweeper");
        }
    }
    Ok(())
}

/// `next` is what the webhook becomes; `None` where it is that already, which is an answer like another.
async fn switch(
    State(state): State<Webhooks>,
    (caller, origin): (&Principal, &Origin),
    PathId(id): PathId<WebhookId>,
    action: Action,
    next: impl Fn(Status, Timestamp) -> Option<Status>,
) -> Result<Response, Problem> {
    /// A change that loses against another one is made again, on what that one left.
    const TRIES: u32 = 4;
    let (table, org, now) = (&state.core.table, caller.org(), state.core.clock.now());
    let entries = [caller.entry(origin, action, now).on(id)];
    for _ in 0..TRIES {
        let old = table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
        let Some(status) = next(old.status, now) else {
            return Ok((etag(old.version), Json(View::at(old, now))).into_response());
        };
        let new = Webhook { status, updated_at: now, version: old.version + 1, ..old };
        if let Some(answer) = write(&state, &entries, new).await? {
            return Ok(answer);
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}
