//! `GET /api/webhooks/{id}/deliveries` lists what came of a webhook's deliveries, those of the
//! newest events first. A delivery is in the list once its first attempt has ended.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::http::{Cursors, Operation, Page, PageQuery, PathId};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listDeliveriesOfWebhook", "List the deliveries of a webhook that were tried")
        .paged()
        .answers::<Page<View>>(
            200,
            "A page of deliveries",
            json!({ "data": [View::example()], "next_cursor": null }),
        )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let org = caller.org();
    core.table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} {id} deliveries"));
    let after = cursors.open(query.cursor.as_deref())?;
    let deliveries =
        core.table.deliveries_of_webhook(org, id, after, query.limit + 1, core.clock.now()).await?;
    Ok(Json(Page::cut(deliveries, query.limit, &cursors, |delivery| delivery.id.event, View::from)))
}
