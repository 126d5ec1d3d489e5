//! `GET /api/replays/{id}` shows how far a replay is.

use axum::Json;
use axum::extract::State;
use shared::http::{Operation, PathId};
use shared::id::ReplayId;
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("readReplay", "Show how far a replay is").answers::<View>(
        200,
        "The replay",
        View::example(),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<ReplayId>,
) -> Result<Json<View>, Problem> {
    let replay = core.table.replay(caller.org(), id, core.clock.now()).await?;
    Ok(Json(replay.ok_or_else(Problem::not_found)?.into()))
}
