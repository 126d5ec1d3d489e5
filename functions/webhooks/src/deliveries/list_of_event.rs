//! `GET /api/events/{id}/deliveries` lists an event's deliveries, one for each webhook that it matched.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::delivery::Delivery;
use shared::http::{Cursors, Operation, Page, PageQuery, PathId};
use shared::id::{DeliveryId, EventId, WebhookId};
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listDeliveriesOfEvent", "List the deliveries of an event").paged().answers::<Page<View>>(
        200,
        "A page of deliveries",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<EventId>,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let org = caller.org();
    let event = core.table.event(org, id, core.clock.now()).await?.ok_or_else(Problem::not_found)?;
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} {id} deliveries"));
    let after: Option<WebhookId> = cursors.open(query.cursor.as_deref())?;

    let mut webhooks = event.matched;
    webhooks.sort_unstable_by(|a, b| b.cmp(a));
    webhooks.retain(|webhook| after.is_none_or(|after| *webhook < after));
    webhooks.truncate(usize::from(query.limit) + 1);
    let found = core.table.deliveries_of_event(org, id, &webhooks).await?;
    let deliveries = found.into_iter().zip(webhooks).map(|(delivery, webhook)| {
        delivery.unwrap_or_else(|| Delivery::untried(DeliveryId { event: id, webhook }, event.kind.clone()))
    });
    Ok(Json(Page::cut(
        deliveries.collect(),
        query.limit,
        &cursors,
        |delivery| delivery.id.webhook,
        View::from,
    )))
}
