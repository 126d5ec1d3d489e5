//! `GET /api/api-keys` lists the organisation's keys, the newest first, without their texts.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::context::Core;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::principal::Principal;
use shared::problem::Problem;

use crate::view::View;

pub(crate) fn operation() -> Operation {
    Operation::new("listApiKeys", "List API keys").paged().answers::<Page<View>>(
        200,
        "A page of keys",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let (org, now) = (caller.org(), core.clock.now());
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("{org} api-keys"));
    let after = cursors.open(query.cursor.as_deref())?;
    let keys = core.table.api_keys(org, after, query.limit + 1).await?;
    Ok(Json(Page::cut(keys, query.limit, &cursors, |key| key.id, |key| View::new(key, now))))
}
