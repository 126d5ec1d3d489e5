//! `GET /api/organizations/{id}` shows the caller's organisation.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::context::Core;
use shared::http::{Operation, etag};
use shared::principal::Principal;
use shared::problem::Problem;
use shared::scope::Role;

use crate::own::Own;
use crate::view::View;

pub(crate) fn operation() -> Operation {
    Operation::new("getOrganization", "Show the organisation").answers::<View>(
        200,
        "The organisation",
        View::example(),
    )
}

pub(crate) async fn handler(State(core): State<Core>, own: Own) -> Result<Response, Problem> {
    let organization = core.table.organization(own.org).await?.ok_or_else(Problem::not_found)?;
    let tag = etag(organization.version);
    Ok((tag, Json(View::new(organization, role_of(&own.caller)))).into_response())
}

/// What the caller is, or the maker of the key.
pub(crate) fn role_of(caller: &Principal) -> Role {
    match caller {
        Principal::Session { role, .. } | Principal::ApiKey { role, .. } => *role,
    }
}
