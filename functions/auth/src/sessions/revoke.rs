//! `DELETE /auth/sessions/{id}` ends one session of the person who asks.

use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Operation, PathId};
use shared::id::SessionId;
use shared::principal::Person;
use shared::problem::Problem;
use shared::table::Cancelled;

use crate::sign_in::taken_away;

pub(crate) fn operation() -> Operation {
    Operation::new("revokeSession", "End one of one's sessions").answers_empty(204, "It has ended.")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    asker: Person,
    origin: Origin,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    let now = core.clock.now();
    let entry = origin.entry(Action::SessionRevoked, Actor::User(asker.user), now).on(id);
    let written =
        taken_away(&core.table, asker.org, entry, || core.table.transaction().end_session(asker.user, id));
    written.await?.map_err(|Cancelled(_)| Problem::not_found())?;
    Ok(StatusCode::NO_CONTENT)
}
