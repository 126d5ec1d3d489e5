//! `DELETE /api/api-keys/{id}` revokes a key: within five seconds no function accepts it.

use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::http::{Operation, PathId};
use shared::id::ApiKeyId;
use shared::principal::Principal;
use shared::problem::Problem;

pub(crate) fn operation() -> Operation {
    Operation::new("revokeApiKey", "Revoke an API key; a revoked one stays readable")
        .answers_empty(204, "It is not accepted any more")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::ApiKeyRevoked, now).on(id);
    let revoked =
        table.commit_audited(org, &[entry], || table.transaction().revoke_api_key(org, id, now)).await?;
    if revoked.is_ok() { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
