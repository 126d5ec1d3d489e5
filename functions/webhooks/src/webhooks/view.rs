//! A webhook as callers see it: everything but its secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::id::WebhookId;
use shared::name::{Description, Metadata};
use shared::webhook::{
    Channel, Condition, Disabled, EventPattern, PublicKey, RetrySchedule, Status, Webhook,
};

/// Whether a webhook receives.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WebhookStatus")]
pub(crate) enum StatusView {
    /// It does.
    Active,
    /// Somebody paused it: what comes is skipped, and kept.
    Paused,
    /// It was switched off.
    Disabled,
}

/// Why a webhook is off.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisabledReason {
    /// The receiver answered 410.
    Gone,
    /// The receiver failed for five days.
    Failing,
}

/// A webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(crate) struct View {
    id: WebhookId,
    url: String,
    /// Empty means every type.
    event_types: Vec<EventPattern>,
    /// Empty means all, and what is in none.
    channels: Vec<Channel>,
    /// What has to hold of an event's `data`; empty means nothing.
    filter: Vec<Condition>,
    /// The names of the headers that go along with its deliveries, and `***` for their values.
    headers: BTreeMap<String, &'static str>,
    description: Option<Description>,
    metadata: Metadata,
    /// How long one attempt may take in all.
    timeout_seconds: u32,
    /// The waits after failed attempts.
    retry_schedule_seconds: RetrySchedule,
    /// How many deliveries are sent in a second, at the most.
    max_per_second: Option<u32>,
    /// What deliveries verify with, beside the secret: the current key first, then those in their overlap. None on
    /// webhooks from before there were keys, until their secret is rotated.
    public_keys: Vec<PublicKey>,
    status: StatusView,
    disabled_reason: Option<DisabledReason>,
    disabled_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl View {
    /// The webhook at `now`: keys whose overlap is over are not shown.
    pub(crate) fn at(webhook: Webhook, now: Timestamp) -> Self {
        let public_keys = webhook.public_keys(now).collect();
        let (status, disabled_reason, disabled_at, paused_at) = match webhook.status {
            Status::Active => (StatusView::Active, None, None, None),
            Status::Paused { at } => (StatusView::Paused, None, None, Some(at)),
            Status::Disabled(Disabled::Gone { at }) => {
                (StatusView::Disabled, Some(DisabledReason::Gone), Some(at), None)
            }
            Status::Disabled(Disabled::Failing { at }) => {
                (StatusView::Disabled, Some(DisabledReason::Failing), Some(at), None)
            }
        };
        Self {
            id: webhook.id,
            url: webhook.url,
            event_types: webhook.subscription.event_types,
            channels: webhook.subscription.channels,
            filter: webhook.subscription.filter,
            headers: webhook.headers.masked(),
            description: webhook.description,
            metadata: webhook.metadata,
            timeout_seconds: webhook.timeout_seconds,
            retry_schedule_seconds: webhook.retry_schedule,
            max_per_second: webhook.max_per_second,
            public_keys,
            status,
            disabled_reason,
            disabled_at,
            paused_at,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }

    pub(crate) fn example() -> Value {
        json!({
            "id": "whk_01kdvdna000w3ge1r70w3ge1r7",
            "url": "https://example.com/hooks",
            "event_types": ["invoice.*"],
            "channels": [],
            "filter": [{ "path": "$.customer.plan", "op": "eq", "value": "gold" }],
            "headers": { "authorization": "***" },
            "description": null,
            "metadata": {},
            "timeout_seconds": 15,
            "retry_schedule_seconds": [5, 300, 1800, 7200, 18000, 36000, 36000],
            "max_per_second": null,
            "public_keys": ["whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
            "status": "active",
            "disabled_reason": null,
            "disabled_at": null,
            "paused_at": null,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        })
    }
}
