//! What an event is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::id::{EventId, OrgId, WebhookId};
use crate::trace::TraceContext;
use crate::webhook::{Channel, EventType};

/// Something that happened, published once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which; says when, too.
    pub id: EventId,
    /// Whose.
    pub org: OrgId,
    /// What happened.
    pub kind: EventType,
    /// What receivers get: JSON, serialised once, the same bytes at every attempt.
    pub body: String,
    /// The webhooks that subscribed to it when it was published: its deliveries.
    pub matched: Vec<WebhookId>,
    /// The parts of what the organisation publishes that it is in.
    pub channels: Vec<Channel>,
    /// Whether it is one of ours about the organisation itself.
    pub operational: bool,
    /// The trace that its publisher named; see [`Event::trace`] for the others.
    pub publishers_trace: Option<TraceContext>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a EventType,
    timestamp: Timestamp,
    data: &'a RawValue,
}

impl Event {
    /// How long an event and its deliveries are kept.
    pub const KEPT: Duration = Duration::from_hours(30 * 24);

    /// The body that receivers get (Standard Webhooks 1.0, payload structure). `data` stays as
    /// the publisher wrote it: numbers keep their digits, names their order.
    pub fn body(id: EventId, kind: &EventType, data: &RawValue) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Body { r#type: kind, timestamp: id.made_at(), data })
    }

    /// `data` as the publisher wrote it.
    pub fn data(&self) -> Result<Box<RawValue>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Data {
            data: Box<RawValue>,
        }
        serde_json::from_str::<Data>(&self.body).map(|body| body.data)
    }

    /// The trace that its deliveries are in.
    pub fn trace(&self) -> TraceContext {
        self.publishers_trace.clone().unwrap_or_else(|| TraceContext::of_event(self.id))
    }

    /// When it was published.
    pub fn created_at(&self) -> Timestamp {
        self.id.made_at()
    }

    /// When it and its deliveries are forgotten.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at().plus(Self::KEPT)
    }
}
