//! `GET /api/webhooks` lists the organisation's webhooks, the newest first, without their secrets.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::principal::Principal;
use shared::problem::Problem;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listWebhooks", "List webhooks").paged().answers::<Page<View>>(
        200,
        "A page of webhooks",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let org = caller.org();
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} webhooks"));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let webhooks = core.table.webhooks(org, after, query.limit + 1).await?;
    let now = core.clock.now();
    let show = |webhook| View::at(webhook, now);
    Ok(Json(Page::cut(webhooks, query.limit, &cursors, |webhook| webhook.id, show)))
}
