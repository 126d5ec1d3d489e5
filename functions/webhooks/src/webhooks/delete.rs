//! `DELETE /api/webhooks/{id}` deletes a webhook. What was still due to it is skipped.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::http::{Operation, PathId};
use shared::id::WebhookId;
use shared::operational::OperationalKind;
use shared::principal::Principal;
use shared::problem::Problem;

use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("deleteWebhook", "Delete a webhook").answers_empty(204, "It is gone")
}

pub(crate) async fn handler(
    State(Webhooks { core, operational, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::WebhookDeleted, now).on(id);
    let kind = OperationalKind::WebhookDeleted;
    let event = operational.prepare(org, kind, Some(id), json!({ "id": id })).await?;
    let build = || table.transaction().delete_webhook(org, id, now)?.tell(event.as_ref());
    if table.commit_audited(org, &[entry], build).await?.is_err() {
        return Err(Problem::not_found());
    }
    operational.dispatch(event).await;
    Ok(StatusCode::NO_CONTENT)
}
