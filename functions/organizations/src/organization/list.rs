//! `GET /api/organizations` lists the organisations of the person who asks, the oldest first.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::context::Core;
use shared::http::Operation;
use shared::principal::Person;
use shared::problem::Problem;

use crate::view::View;

/// All of them: there is no next page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Organizations")]
pub(crate) struct Answer {
    data: Vec<View>,
    /// Always null.
    next_cursor: Option<String>,
}

pub(crate) fn operation() -> Operation {
    Operation::new("listOrganizations", "List one's organisations").answers::<Answer>(
        200,
        "The organisations, the oldest first",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(State(core): State<Core>, asker: Person) -> Result<Json<Answer>, Problem> {
    let found = core.table.organizations_of(asker.user).await?.into_iter();
    let data = found.map(|(organization, role)| View::new(organization, role)).collect();
    Ok(Json(Answer { data, next_cursor: None }))
}
