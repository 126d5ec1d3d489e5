//! `PATCH /api/organizations/{id}` changes what the organisation is called, by a merge patch (RFC 7396).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Entry, Origin};
use shared::http::{Fields, FromFields, IfMatch, Json as Body, Operation, Patch, etag};
use shared::name::Name;
use shared::operational::OperationalKind;
use shared::organization::Organization;
use shared::problem::{Kind, Problem, Violation};

use super::read::role_of;
use crate::Organizations;
use crate::own::Own;
use crate::view::View;

pub(crate) struct Request {
    name: Patch<Name>,
}

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "UpdateOrganization", deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    #[schemars(default)]
    name: String,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.patch_text("name");
        if name == Patch::Clear {
            fields.reject("name", Violation::new("required", "cannot be taken away"));
        }
        Some(Self { name })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateOrganization", "Change what the organisation is called")
        .takes::<Described>(json!({ "name": "Difference Engines" }))
        .answers::<View>(200, "The organisation as it is now", View::example())
        .conditional()
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    if_match: IfMatch,
    Body { value: request, .. }: Body<Request>,
) -> Result<Response, Problem> {
    let entry = own.entry(&origin, Action::OrganizationUpdated, state.core.clock.now()).on(own.org);
    let new = change(&state, &own, &if_match, entry, |old| Organization {
        name: request.name.clone().or(old.name.clone()),
        ..old
    })
    .await?;
    Ok((etag(new.version), Json(View::new(new, role_of(&own.caller)))).into_response())
}

/// Changes the organisation: a change that loses against another one is made again, on what that one left.
/// Webhooks are told what it is then.
pub(super) async fn change(
    Organizations { core, operational, .. }: &Organizations,
    own: &Own,
    if_match: &IfMatch,
    entry: Entry,
    change: impl Fn(Organization) -> Organization,
) -> Result<Organization, Problem> {
    const TRIES: u32 = 4;
    let table = &core.table;
    for _ in 0..TRIES {
        let old = table.organization(own.org).await?.ok_or_else(Problem::not_found)?;
        if_match.check(old.version)?;
        let version = old.version + 1;
        let new = Organization { version, ..change(old) };
        let told = json!({ "id": new.id, "name": new.name, "modules": new.modules });
        let event = operational.prepare(own.org, OperationalKind::OrganizationUpdated, None, told).await?;
        let entries = [entry.clone()];
        let build = || table.transaction().update_organization(&new)?.tell(event.as_ref());
        if table.commit_audited(own.org, &entries, build).await?.is_ok() {
            operational.dispatch(event).await;
            return Ok(new);
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}
