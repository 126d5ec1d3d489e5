//! `GET /api/api-keys/{id}` shows one key, without its text.

use axum::Json;
use axum::extract::State;
use shared::context::Core;
use shared::http::{Operation, PathId};
use shared::id::ApiKeyId;
use shared::principal::Principal;
use shared::problem::Problem;

use crate::view::View;

pub(crate) fn operation() -> Operation {
    Operation::new("readApiKey", "Show an API key").answers::<View>(200, "The key", View::example())
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Json<View>, Problem> {
    let key = core.table.api_key(caller.org(), id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(View::new(key, core.clock.now())))
}
