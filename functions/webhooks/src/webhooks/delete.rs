//! `DELETE /api/webhooks/{id}` deletes a webhook. What was still due to it is skipped.

use axum::extract::State;
use http::StatusCode;
use shared::http::{Operation, PathId};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::Problem;

use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("deleteWebhook", "Delete a webhook").answers_empty(204, "It is gone")
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, Problem> {
    let deleted = core.table.delete_webhook(caller.org(), id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
