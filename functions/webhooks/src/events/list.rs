//! `GET /api/events` lists the events that are kept, the newest first.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::event::Event;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::id::EventId;
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::EventType;

use crate::Webhooks;

/// An event, without its data.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListedEvent")]
pub(crate) struct View {
    id: EventId,
    r#type: EventType,
    created_at: Timestamp,
    /// How many webhooks get it.
    matched: usize,
}

impl From<Event> for View {
    fn from(event: Event) -> Self {
        let (created_at, matched) = (event.created_at(), event.matched.len());
        Self { id: event.id, r#type: event.kind, created_at, matched }
    }
}

pub(crate) fn operation() -> Operation {
    let example = json!({
        "id": "evt_01kdvdna000w3ge1r70w3ge1r7",
        "type": "invoice.paid",
        "created_at": "2026-01-01T00:00:00.000Z",
        "matched": 1,
    });
    Operation::new("listEvents", "List the events of the last 30 days").paged().answers::<Page<View>>(
        200,
        "A page of events",
        json!({ "data": [example], "next_cursor": null }),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let org = caller.org();
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} events"));
    let before = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let events = core.table.events_before(org, before, query.limit + 1, core.clock.now()).await?;
    Ok(Json(Page::cut(events, query.limit, &cursors, |event| event.id, View::from)))
}
