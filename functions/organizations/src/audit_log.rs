//! `GET /api/organizations/{id}/audit-log` lists what was done in the organisation, the latest first. Walked
//! to its end it is the export: each record has its hash and that of the one before.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use shared::audit::Record;
use shared::context::Core;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::problem::Problem;

use crate::own::Own;

fn example() -> Value {
    json!({
        "sequence": 1,
        "at": "2026-01-01T00:00:00.000Z",
        "action": "organization.created",
        "result": "success",
        "actor": "usr_01kdvhq4000w3gf1r70w3gf1r7",
        "target": "org_01kdvhq4000w3gf1r70w3gf1r7",
        "address": "203.0.113.7",
        "user_agent": "curl/8.5.0",
        "request_id": "JKJaXmPLvHcESHA=",
        "previous_hash": "0000000000000000000000000000000000000000000000000000000000000000",
        "hash": "9b74c9897bac770ffc029102a200c5de4f1e0c0b0a5f0d6b8a3d4c2f1e0d9c8b",
    })
}

pub(crate) fn operation() -> Operation {
    let page = json!({ "data": [example()], "next_cursor": null });
    Operation::new("listAuditLog", "List what was done in the organisation").paged().answers::<Page<Record>>(
        200,
        "A page of the log, the latest first",
        page,
    )
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    query: PageQuery,
) -> Result<Json<Page<Record>>, Problem> {
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("audit-log {}", own.org));
    let before = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let found = core.table.audit_page(own.org, before, query.limit + 1).await?;
    Ok(Json(Page::cut(found, query.limit, &cursors, |record| record.sequence, |record| record)))
}
