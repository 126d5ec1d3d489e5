//! `GET /api/event-types` lists the organisation's types, by name.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::principal::Principal;
use shared::problem::Problem;
use shared::webhook::EventType;

use super::view::View;
use crate::Webhooks;

pub(crate) fn operation() -> Operation {
    Operation::new("listEventTypes", "List event types, in the order of their names")
        .paged()
        .answers::<Page<View>>(
            200,
            "A page of types",
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
    let cursors = Cursors::of(&ring, format_args!("{org} event-types"));
    let after: Option<EventType> = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let found = core.table.event_types(org, after.as_ref(), query.limit + 1).await?;
    let Page { data, next_cursor } =
        Page::cut(found, query.limit, &cursors, |registered| registered.name.clone(), View::try_from);
    Ok(Json(Page { data: data.into_iter().collect::<Result<_, _>>()?, next_cursor }))
}
