//! `GET /api/webhooks/{id}` shows one webhook, without its secret.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::http::{Operation, PathId, etag};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("readWebhook", "Show a webhook").answers::<View>(200, "The webhook", View::example())
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, Problem> {
    let webhook = core.table.webhook(caller.org(), id).await?.ok_or_else(Problem::not_found)?;
    Ok((etag(webhook.version), Json(View::at(webhook, core.clock.now()))).into_response())
}
