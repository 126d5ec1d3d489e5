//! `DELETE /api/event-types/{name}` takes a type off the list. Events of it can be published as before, whatever
//! their data.

use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Origin};
use shared::http::{Operation, PathId};
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::EventType;

use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("deleteEventType", "Take an event type off the list; nothing is enforced of it then")
        .answers_empty(204, "It is gone")
}

pub(crate) async fn handler(
    State(Webhooks { core, schemas, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(name): PathId<EventType>,
) -> Result<StatusCode, Problem> {
    let (table, org) = (&core.table, caller.org());
    let entry = caller.entry(&origin, Action::EventTypeDeleted, core.clock.now()).on(&name);
    let build = || table.transaction().delete_event_type(org, &name);
    let written = table.commit_audited(org, &[entry], build).await?;
    schemas.forget(org, &name);
    written.map(|()| StatusCode::NO_CONTENT).map_err(|_| Problem::not_found())
}
