//! `GET /api/webhooks/{id}/health` says how the receiver of a webhook does: what is, why, since when, and what
//! comes next. It is for whoever is woken up by it and has never read of breakers.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::health::{Breaker, Health, Pace, Streak};
use shared::http::{Operation, PathId};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::{Disabled, Status, Webhook};

use crate::Webhooks;

/// As far as the backlog is counted.
const COUNTED: usize = 10_000;

/// What is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HealthState {
    /// Deliveries arrive, as far as is known.
    Healthy,
    /// The last deliveries failed; they are tried again by the schedule.
    Failing,
    /// The receiver fails: deliveries are parked, and one is tried now and then.
    Parked,
    /// The receiver is back: what was parked goes out.
    Draining,
    /// The receiver asks for less: deliveries are slowed down.
    Throttled,
    /// Somebody paused the webhook.
    Paused,
    /// The webhook was switched off.
    Disabled,
}

/// How a receiver does.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookHealth")]
pub(crate) struct View {
    state: HealthState,
    /// What is, why, and what comes next, in sentences.
    summary: String,
    /// Since when it is so; null where it always was.
    since: Option<Timestamp>,
    /// Failures since the last success.
    consecutive_failures: u32,
    last_failure_at: Option<Timestamp>,
    last_error: Option<String>,
    /// Deliveries that wait until the receiver is back.
    parked: usize,
    /// Whether there are more than were counted.
    parked_more: bool,
    /// When one of them is tried next.
    next_probe_at: Option<Timestamp>,
    /// When the webhook is switched off, if nothing arrives until then.
    disables_at: Option<Timestamp>,
    /// What is sent in a second, at the most; null where there is no limit.
    max_per_second: Option<f64>,
}

pub(crate) fn operation() -> Operation {
    Operation::new("readWebhookHealth", "Say how the receiver of a webhook does, and what comes next")
        .answers::<View>(
            200,
            "How it does",
            json!({
                "state": "parked",
                "summary": "The receiver has failed 12 times in a row since 2026-01-01T00:00:00.000Z. 40 deliveries are parked; none of them is lost. One is tried at 2026-01-01T01:15:00.000Z, and when that arrives, all go out in order. If nothing arrives until 2026-01-06T00:00:00.000Z, the webhook is switched off. The last failure: The receiver answered 500.",
                "since": "2026-01-01T00:10:00.000Z",
                "consecutive_failures": 12,
                "last_failure_at": "2026-01-01T01:00:00.000Z",
                "last_error": "The receiver answered 500.",
                "parked": 40,
                "parked_more": false,
                "next_probe_at": "2026-01-01T01:15:00.000Z",
                "disables_at": "2026-01-06T00:00:00.000Z",
                "max_per_second": null,
            }),
        )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<View>, Problem> {
    let (table, org) = (&core.table, caller.org());
    let webhook = table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    let health = table.health(org, id).await?;
    let parked = match health.breaker {
        Breaker::Closed => 0,
        Breaker::Open { .. } | Breaker::Draining { .. } => table.count_parked(org, id, COUNTED + 1).await?,
    };
    Ok(Json(View::of(&webhook, &health, parked, core.clock.now())))
}

fn state(webhook: &Webhook, health: &Health) -> (HealthState, Option<Timestamp>) {
    match (webhook.status, health.breaker, &health.streak, health.pace) {
        (Status::Paused { at }, ..) => (HealthState::Paused, Some(at)),
        (Status::Disabled(Disabled::Gone { at } | Disabled::Failing { at }), ..) => {
            (HealthState::Disabled, Some(at))
        }
        (Status::Active, Breaker::Open { since, .. }, ..) => (HealthState::Parked, Some(since)),
        (Status::Active, Breaker::Draining { since, .. }, ..) => (HealthState::Draining, Some(since)),
        (Status::Active, Breaker::Closed, Some(streak), _) => (HealthState::Failing, Some(streak.since)),
        (Status::Active, Breaker::Closed, None, Some(pace)) => (HealthState::Throttled, Some(pace.since)),
        (Status::Active, Breaker::Closed, None, None) => (HealthState::Healthy, None),
    }
}

impl View {
    fn of(webhook: &Webhook, health: &Health, parked: usize, now: Timestamp) -> Self {
        let (state, since) = state(webhook, health);
        let streak = health.streak.as_ref();
        let receives = webhook.status == Status::Active;
        let limit = Pace::per_1000_s(health.pace, webhook.max_per_second);
        let mut view = Self {
            state,
            summary: String::new(),
            since,
            consecutive_failures: streak.map_or(0, |streak| streak.failures),
            last_failure_at: streak.map(|streak| streak.last_at),
            last_error: streak.map(|streak| streak.last_error.clone()),
            parked: parked.min(COUNTED),
            parked_more: parked > COUNTED,
            next_probe_at: match health.breaker {
                Breaker::Open { due, .. } if receives => Some(due),
                Breaker::Open { .. } | Breaker::Closed | Breaker::Draining { .. } => None,
            },
            disables_at: streak
                .filter(|streak| receives && streak.is_the_receiver())
                .map(|streak| streak.disables_at(now)),
            max_per_second: limit.map(|limit| f64::from(limit) / 1000.0),
        };
        view.summary = view.sentences(webhook, streak);
        view
    }

    fn sentences(&self, webhook: &Webhook, streak: Option<&Streak>) -> String {
        let mut said = match self.state {
            HealthState::Healthy => vec!["Deliveries arrive, or there were none.".to_owned()],
            HealthState::Failing => vec![self.failures(streak), "Each delivery is tried again by the webhook's schedule.".to_owned()],
            HealthState::Parked => vec![self.failures(streak), self.waiting(), self.probe()],
            HealthState::Draining => vec![
                "The receiver answers again.".to_owned(),
                self.waiting(),
                "They go out in order, slowly at first; new events do not wait for them.".to_owned(),
            ],
            HealthState::Throttled => vec!["The receiver answered 429: it asks for less.".to_owned()],
            HealthState::Paused => vec![
                "Somebody paused the webhook.".to_owned(),
                "What comes meanwhile is skipped, and kept for 30 days: resume it, and replay what is missing.".to_owned(),
            ],
            HealthState::Disabled => vec![
                match webhook.status {
                    Status::Disabled(Disabled::Failing { .. }) => "The webhook was switched off: its receiver had failed for five days.",
                    _ => "The webhook was switched off: its receiver answered 410 Gone.",
                }
                .to_owned(),
                "What comes meanwhile is skipped, and kept for 30 days: mend the receiver, resume the webhook, and replay what is missing.".to_owned(),
            ],
        };
        if let Some(limit) = self.max_per_second {
            said.push(format!("At most {limit} deliveries are sent in a second; the others wait."));
        }
        if let Some(at) = self.disables_at {
            said.push(format!("If nothing arrives until {at}, the webhook is switched off."));
        }
        if let Some(error) = &self.last_error {
            said.push(format!("The last failure: {error}"));
        }
        said.join(" ")
    }

    fn failures(&self, streak: Option<&Streak>) -> String {
        let since = streak.map(|streak| format!(" since {}", streak.since)).unwrap_or_default();
        match self.consecutive_failures {
            1 => format!("The receiver has failed once{since}."),
            times => format!("The receiver has failed {times} times in a row{since}."),
        }
    }

    fn waiting(&self) -> String {
        match (self.parked, self.parked_more) {
            (count, true) => format!("More than {count} deliveries are parked; none of them is lost."),
            (1, false) => "1 delivery is parked; it is not lost.".to_owned(),
            (count, false) => format!("{count} deliveries are parked; none of them is lost."),
        }
    }

    fn probe(&self) -> String {
        let when = self.next_probe_at.map(|at| format!(" at {at}")).unwrap_or_default();
        format!("One is tried{when}, and when that arrives, all go out in order. `resume` tries one now.")
    }
}
