//! `DELETE /api/api-keys/{id}` revokes a key: within five seconds no function accepts it.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::http::{Operation, PathId};
use shared::id::ApiKeyId;
use shared::operational::{Operational, OperationalKind};
use shared::principal::Principal;
use shared::problem::Problem;

pub(crate) fn operation() -> Operation {
    Operation::new("revokeApiKey", "Revoke an API key; a revoked one stays readable")
        .answers_empty(204, "It is not accepted any more")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::ApiKeyRevoked, now).on(id);
    let told = json!({ "id": id, "revoked_at": now });
    let event = operational.prepare(org, OperationalKind::ApiKeyRevoked, None, told).await?;
    let build = || table.transaction().revoke_api_key(org, id, now)?.tell(event.as_ref());
    if table.commit_urgent(org, &[entry], build).await?.is_err() {
        return Err(Problem::not_found());
    }
    operational.dispatch(event).await;
    Ok(StatusCode::NO_CONTENT)
}
