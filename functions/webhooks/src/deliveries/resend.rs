//! `POST /api/deliveries/{id}/resend` tries a delivery that has ended once more, while its event is kept:
//! exhausted, skipped, failed on us, or delivered. Its next attempt counts on from the last.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Origin};
use shared::http::{Operation, PathId};
use shared::id::DeliveryId;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::queue::DeliveryTask;
use shared::webhook::Status;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("resendDelivery", "Try a delivery that has ended once more")
        .answers::<View>(202, "Its next attempt is due", View::example())
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(Webhooks { core, queue, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<DeliveryId>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let conflict = |why: &str| Problem::because(Kind::Conflict, why);
    let before = table.delivery(org, id, now).await?.ok_or_else(Problem::not_found)?;
    table.event(org, id.event, now).await?.ok_or_else(Problem::not_found)?;
    let webhook = table.webhook(org, id.webhook).await?;
    if webhook.is_none_or(|webhook| webhook.status != Status::Active) {
        return Err(conflict("the webhook does not receive: it is paused, off or deleted"));
    }
    let pending =
        || conflict("an attempt is due, or comes when the receiver is back: it need not be sent again");
    let again = before.clone().again(now).map_err(|_| pending())?;
    let entries = [caller.entry(&origin, Action::DeliveryResent, now).on(id)];
    let build = || table.transaction().reopen_delivery(org, &before, &again, now);
    // Refused when somebody else was faster.
    table.commit_audited(org, &entries, build).await?.map_err(|_| pending())?;
    let task = DeliveryTask::new(org, id, again.attempts.saturating_add(1), now);
    if let Err(error) = queue.send(&[task.into()], now).await {
        // The attempt is on record, too, a quarter of an hour later: the sweeper sends it then.
        tracing::warn!(%error, delivery = %id, "a delivery that is sent again waits for the sweeper");
    }
    Ok((StatusCode::ACCEPTED, Json(View::from(again))))
}
