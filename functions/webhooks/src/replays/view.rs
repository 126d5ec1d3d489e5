//! A replay as callers see it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::id::{ReplayId, WebhookId};
use shared::replay::{Progress, Replay, What};
use shared::webhook::EventPattern;

/// How far a replay is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplayStatus {
    /// It goes on.
    Running,
    /// It has come to its end: what it sent is on its way.
    Done,
    /// Somebody cancelled it, or its webhook does not receive any more.
    Cancelled,
}

/// A replay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Replay")]
pub(crate) struct View {
    id: ReplayId,
    webhook_id: WebhookId,
    what: What,
    since: Timestamp,
    until: Timestamp,
    types: Vec<EventPattern>,
    dry_run: bool,
    /// How many are sent in a second, at the most.
    rate: u32,
    status: ReplayStatus,
    /// How many events it has looked at.
    examined: u64,
    /// How many of them it has sent or, in a dry run, would send.
    matched: u64,
    /// Up to when it has looked.
    reached: Timestamp,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl From<Replay> for View {
    fn from(replay: Replay) -> Self {
        let (status, ended_at) = match replay.progress {
            Progress::Running { .. } => (ReplayStatus::Running, None),
            Progress::Done { at } => (ReplayStatus::Done, Some(at)),
            Progress::Cancelled { at } => (ReplayStatus::Cancelled, Some(at)),
        };
        let reached = match status {
            ReplayStatus::Done => replay.until,
            ReplayStatus::Running | ReplayStatus::Cancelled => {
                replay.after.map_or(replay.since, |event| event.made_at())
            }
        };
        Self {
            id: replay.id,
            webhook_id: replay.webhook,
            what: replay.what,
            since: replay.since,
            until: replay.until,
            types: replay.types,
            dry_run: replay.dry_run,
            rate: replay.rate,
            status,
            examined: replay.examined,
            matched: replay.matched,
            reached,
            created_at: replay.id.made_at(),
            ended_at,
        }
    }
}

impl View {
    pub(crate) fn example() -> Value {
        json!({
            "id": "rpl_01kdvdna000w3ge1r70w3ge1r7",
            "webhook_id": "whk_01kdvdna000w3ge1r70w3ge1r7",
            "what": "missing",
            "since": "2025-12-31T00:00:00.000Z",
            "until": "2026-01-01T00:00:00.000Z",
            "types": [],
            "dry_run": false,
            "rate": 10,
            "status": "running",
            "examined": 0,
            "matched": 0,
            "reached": "2025-12-31T00:00:00.000Z",
            "created_at": "2026-01-01T00:00:00.000Z",
            "ended_at": null,
        })
    }
}
