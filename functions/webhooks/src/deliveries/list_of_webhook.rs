//! `GET /api/webhooks/{id}/deliveries` lists what came of a webhook's deliveries, those of the
//! newest events first. A delivery is in the list once its first attempt has ended.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::json;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::delivery::Delivery;
use shared::http::{Cursors, Operation, Page, PageQuery, PathId};
use shared::id::{EventId, OrgId, WebhookId};
use shared::principal::Principal;
use shared::problem::Problem;
use shared::table::StoreError;

use super::filter::Filter;
use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listDeliveriesOfWebhook", "List the deliveries of a webhook that were tried")
        .paged()
        .query("status", Filter::STATUS_IS)
        .query("since", "Only those of events that were published from then on.")
        .query("until", "Only those of events that were published before that.")
        .answers::<Page<View>>(
            200,
            "A page of deliveries. With a filter it may be short, or empty, although there is a next one.",
            json!({ "data": [View::example()], "next_cursor": null }),
        )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<View>>, Problem> {
    let (query, given) = PageQuery::parse_beside(query.as_deref().unwrap_or_default(), &Filter::ALL)?;
    let (filter, org) = (Filter::read(&given)?, caller.org());
    core.table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} {id} deliveries {given:?}"));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let after = after.or(filter.until.map(EventId::earliest));
    let found = look(&core, (org, id), after, &filter, query.limit).await?;
    Ok(Json(Page {
        next_cursor: found.next.map(|last| cursors.seal(&last)),
        data: found.deliveries.into_iter().map(View::from).collect(),
    }))
}

struct Found {
    deliveries: Vec<Delivery>,
    /// The last that was looked at, if there may be more.
    next: Option<EventId>,
}

/// Looks for as many as a page holds. A filter that few pass would look through everything: it looks at so
/// many, and the next page goes on from there.
async fn look(
    core: &Core,
    (org, webhook): (OrgId, WebhookId),
    mut after: Option<EventId>,
    filter: &Filter,
    limit: u16,
) -> Result<Found, StoreError> {
    const CHUNK: u16 = 200;
    const CHUNKS_MAX: usize = 5;
    let (now, wanted): (Timestamp, _) = (core.clock.now(), usize::from(limit));
    let chunk = if filter.is_of_status() { CHUNK } else { limit + 1 };
    let mut deliveries = Vec::new();
    for _ in 0..CHUNKS_MAX {
        let page = core.table.deliveries_of_webhook(org, webhook, after, chunk, now).await?;
        let is_last = page.len() < usize::from(chunk);
        for delivery in page {
            if filter.is_past(&delivery) {
                return Ok(Found { deliveries, next: None });
            }
            let id = delivery.id.event;
            if filter.wants(&delivery) {
                if deliveries.len() == wanted {
                    return Ok(Found { deliveries, next: after });
                }
                deliveries.push(delivery);
            }
            after = Some(id);
        }
        if is_last {
            return Ok(Found { deliveries, next: None });
        }
    }
    Ok(Found { deliveries, next: after })
}
