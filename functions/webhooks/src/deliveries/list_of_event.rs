//! `GET /api/events/{id}/deliveries` lists an event's deliveries: one for each webhook that it matched, and for
//! each that got it by a replay.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::json;
use shared::delivery::Delivery;
use shared::http::{Cursors, Operation, Page, PageQuery, PathId};
use shared::id::{EventId, WebhookId};
use shared::principal::Principal;
use shared::problem::Problem;

use super::filter::Filter;
use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listDeliveriesOfEvent", "List the deliveries of an event")
        .paged()
        .query("status", Filter::STATUS_IS)
        .answers::<Page<View>>(
            200,
            "A page of deliveries",
            json!({ "data": [View::example()], "next_cursor": null }),
        )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<EventId>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<View>>, Problem> {
    let (query, given) = PageQuery::parse_beside(query.as_deref().unwrap_or_default(), &Filter::STATUS)?;
    let (filter, org) = (Filter::read(&given)?, caller.org());
    let event = core.table.event(org, id, core.clock.now()).await?.ok_or_else(Problem::not_found)?;
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} {id} deliveries {given:?}"));
    let after: Option<WebhookId> = cursors.open(query.cursor.as_deref(), &core.keys).await?;

    let all = core.table.deliveries_of(&event).await?;
    let behind =
        |delivery: &Delivery| after.is_none_or(|after| delivery.id.webhook < after) && filter.wants(delivery);
    let mut deliveries: Vec<_> = all.into_iter().filter(behind).collect();
    deliveries.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.id.webhook));
    deliveries.truncate(usize::from(query.limit) + 1);
    Ok(Json(Page::cut(deliveries, query.limit, &cursors, |delivery| delivery.id.webhook, View::from)))
}
