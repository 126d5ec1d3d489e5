//! A delivery as callers see it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::delivery::{Attempt, Delivery, Outcome, State};
use shared::id::{DeliveryId, EventId, WebhookId};
use shared::webhook::EventType;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    /// An attempt is due.
    Pending,
    /// The receiver fails: it waits until the receiver does not.
    Parked,
    /// The receiver has it.
    Delivered,
    /// No attempt is left.
    Exhausted,
    /// The webhook was off or deleted.
    Skipped,
    /// We failed on it, again and again.
    FailedInternally,
}

impl From<State> for DeliveryStatus {
    fn from(state: State) -> Self {
        match state {
            State::Pending { .. } => Self::Pending,
            State::Parked => Self::Parked,
            State::Delivered => Self::Delivered,
            State::Exhausted => Self::Exhausted,
            State::Skipped => Self::Skipped,
            State::FailedInternally => Self::FailedInternally,
        }
    }
}

/// One HTTP call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
pub(crate) struct AttemptView {
    number: u16,
    at: Timestamp,
    /// `delivered`, `rejected`, `timed_out` or `unreachable`.
    outcome: &'static str,
    response_status: Option<u16>,
    duration_ms: u32,
    /// What went wrong, in a sentence.
    error: Option<String>,
    /// The start of what the receiver answered.
    response_body: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, outcome, duration_ms, response_body } = attempt;
        Self {
            number,
            at,
            outcome: outcome.as_str(),
            response_status: outcome.status(),
            duration_ms,
            error: match outcome {
                Outcome::Delivered { .. } => None,
                Outcome::Rejected { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => {
                    Some(outcome.detail())
                }
            },
            response_body,
        }
    }
}

/// A delivery.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(crate) struct View {
    id: DeliveryId,
    event_id: EventId,
    event_type: EventType,
    webhook_id: WebhookId,
    status: DeliveryStatus,
    /// How many there were.
    attempts: u16,
    next_attempt_at: Option<Timestamp>,
    last_attempt: Option<AttemptView>,
}

impl From<Delivery> for View {
    fn from(delivery: Delivery) -> Self {
        let next_attempt_at = match delivery.state {
            State::Pending { due } => Some(due),
            State::Parked
            | State::Delivered
            | State::Exhausted
            | State::Skipped
            | State::FailedInternally => None,
        };
        Self {
            id: delivery.id,
            event_id: delivery.id.event,
            event_type: delivery.event_type,
            webhook_id: delivery.id.webhook,
            status: delivery.state.into(),
            attempts: delivery.attempts,
            next_attempt_at,
            last_attempt: delivery.last_attempt.map(Into::into),
        }
    }
}

impl View {
    pub(crate) fn example() -> Value {
        json!({
            "id": "dlv_01kdvdna000w3ge1r70w3ge1r701kdvdna000w3ge1r70w3ge1r7",
            "event_id": "evt_01kdvdna000w3ge1r70w3ge1r7",
            "event_type": "invoice.paid",
            "webhook_id": "whk_01kdvdna000w3ge1r70w3ge1r7",
            "status": "delivered",
            "attempts": 1,
            "next_attempt_at": null,
            "last_attempt": AttemptView::example(),
        })
    }
}

impl AttemptView {
    pub(crate) fn example() -> Value {
        json!({
            "number": 1,
            "at": "2026-01-01T00:00:00.300Z",
            "outcome": "delivered",
            "response_status": 200,
            "duration_ms": 84,
            "error": null,
            "response_body": "ok",
        })
    }
}
