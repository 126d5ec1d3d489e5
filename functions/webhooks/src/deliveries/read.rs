//! `GET /api/deliveries/{id}` shows a delivery and each of its attempts.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::delivery::{Delivery, State as Stand};
use shared::http::{Operation, PathId};
use shared::id::DeliveryId;
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::{AttemptView, View};
use crate::Webhooks;

/// A delivery and its attempts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryWithAttempts")]
pub(crate) struct Answer {
    #[serde(flatten)]
    delivery: View,
    /// Each attempt, the first first.
    attempt_log: Vec<AttemptView>,
}

pub(crate) fn operation() -> Operation {
    let mut example = View::example();
    example["attempt_log"] = json!([AttemptView::example()]);
    Operation::new("readDelivery", "Show a delivery and its attempts").answers::<Answer>(
        200,
        "The delivery",
        example,
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<DeliveryId>,
) -> Result<Json<Answer>, Problem> {
    let (org, table, now) = (caller.org(), &core.table, core.clock.now());
    let delivery = match table.delivery(org, id, now).await? {
        Some(delivery) => delivery,
        // Not tried yet: it exists if its event matched its webhook.
        None => match table.event(org, id.event, now).await? {
            Some(event) if event.matched.contains(&id.webhook) => Delivery::untried(id, event.kind),
            Some(_) | None => return Err(Problem::not_found()),
        },
    };
    let mut log: Vec<AttemptView> =
        table.failed_attempts(org, id).await?.into_iter().map(Into::into).collect();
    // The attempt that succeeded has no item of its own.
    if delivery.state == Stand::Delivered {
        log.extend(delivery.last_attempt.clone().map(Into::into));
    }
    Ok(Json(Answer { delivery: delivery.into(), attempt_log: log }))
}
