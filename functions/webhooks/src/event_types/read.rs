//! `GET /api/event-types/{name}` shows a type.

use axum::Json;
use axum::extract::State;
use shared::http::{Operation, PathId};
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::EventType;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("readEventType", "Show an event type").answers::<View>(200, "The type", View::example())
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(name): PathId<EventType>,
) -> Result<Json<View>, Problem> {
    let registered = core.table.event_type(caller.org(), &name).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(registered.try_into()?))
}
