//! `GET /api/events/{id}` shows an event and how its deliveries stand.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::delivery::{Delivery, State as Stand};
use shared::http::{Operation, PathId};
use shared::id::EventId;
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::{Channel, EventType};

use crate::Webhooks;

/// How many deliveries stand where.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct DeliveryCounts {
    pending: usize,
    parked: usize,
    delivered: usize,
    exhausted: usize,
    skipped: usize,
    failed_internally: usize,
}

impl DeliveryCounts {
    fn of(deliveries: &[Delivery]) -> Self {
        let mut counts = Self::default();
        for delivery in deliveries {
            match delivery.state {
                Stand::Pending { .. } => counts.pending += 1,
                Stand::Parked => counts.parked += 1,
                Stand::Delivered => counts.delivered += 1,
                Stand::Exhausted => counts.exhausted += 1,
                Stand::Skipped => counts.skipped += 1,
                Stand::FailedInternally => counts.failed_internally += 1,
            }
        }
        counts
    }
}

/// An event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(crate) struct View {
    id: EventId,
    r#type: EventType,
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    data: Box<RawValue>,
    created_at: Timestamp,
    /// The channels that it is in.
    channels: Vec<Channel>,
    deliveries: DeliveryCounts,
}

pub(crate) fn operation() -> Operation {
    Operation::new("readEvent", "Show an event and how its deliveries stand").answers::<View>(
        200,
        "The event",
        json!({
            "id": "evt_01kdvdna000w3ge1r70w3ge1r7",
            "type": "invoice.paid",
            "data": { "invoice": 7, "amount": "12.50" },
            "created_at": "2026-01-01T00:00:00.000Z",
            "channels": [],
            "deliveries": { "pending": 0, "parked": 0, "delivered": 1, "exhausted": 0, "skipped": 0, "failed_internally": 0 },
        }),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<EventId>,
) -> Result<Json<View>, Problem> {
    let org = caller.org();
    let event = core.table.event(org, id, core.clock.now()).await?.ok_or_else(Problem::not_found)?;
    let deliveries = core.table.deliveries_of(&event).await?;
    let data = event.data().map_err(|error| Problem::internal(&error))?;
    Ok(Json(View {
        id,
        created_at: event.created_at(),
        r#type: event.kind,
        channels: event.channels,
        data,
        deliveries: DeliveryCounts::of(&deliveries),
    }))
}
