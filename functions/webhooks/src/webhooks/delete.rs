//! `DELETE /api/webhooks/{id}` deletes a webhook. What was still due to it is skipped.

use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Origin};
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
    origin: Origin,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, Problem> {
    let (table, org) = (&core.table, caller.org());
    let entry = caller.entry(&origin, Action::WebhookDeleted, core.clock.now()).on(id);
    let deleted = table.commit_audited(org, &[entry], || table.transaction().delete_webhook(org, id)).await?;
    if deleted.is_ok() { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
