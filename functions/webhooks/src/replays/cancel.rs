//! `POST /api/replays/{id}/cancel` ends a replay: what it has sent is on its way, and nothing more is sent.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::http::{Operation, PathId};
use shared::id::ReplayId;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    let mut example = View::example();
    example["status"] = json!("cancelled");
    example["ended_at"] = json!("2026-01-01T00:00:05.000Z");
    Operation::new("cancelReplay", "End a replay")
        .answers::<View>(200, "The replay as it is now", example)
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<ReplayId>,
) -> Result<Json<View>, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let replay = table.replay(org, id, now).await?.ok_or_else(Problem::not_found)?;
    let entries = [caller.entry(&origin, Action::ReplayCancelled, now).on(id)];
    let build = || table.transaction().cancel_replay(&replay, now);
    let ended = || Problem::because(Kind::Conflict, "the replay has ended already");
    table.commit_audited(org, &entries, build).await?.map_err(|_| ended())?;
    Ok(Json(table.replay(org, id, now).await?.ok_or_else(Problem::not_found)?.into()))
}
