//! `POST /api/organizations` makes an organisation, with the person who asks as its owner. The session
//! names what it named; `POST /auth/organization` moves it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, Operation, created};
use shared::id::OrgId;
use shared::name::Name;
use shared::organization::{Membership, Organization};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::{Cancelled, StoreError};

use crate::view::View;

/// As many can one person be in.
const PER_PERSON_MAX: usize = 50;

#[derive(JsonSchema)]
#[schemars(rename = "CreateOrganization", deny_unknown_fields)]
pub(crate) struct Request {
    name: Name,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { name: fields.text("name")? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("createOrganization", "Make an organisation")
        .takes::<Request>(json!({ "name": "Analytical Engines" }))
        .answers::<View>(201, "The organisation", View::example())
        .fails(&[Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now) = (&core.table, core.clock.now());
    if table.memberships_of(asker.user).await?.len() >= PER_PERSON_MAX {
        let detail = format_args!("a person is in at most {PER_PERSON_MAX} organisations");
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let organization = Organization::new(OrgId::new(now, &core.entropy)?, request.name, now);
    let (org, role) = (organization.id, Role::Owner);
    let owner = Membership { org, user: asker.user, role, joined_at: now };
    let entry = origin.entry(Action::OrganizationCreated, Actor::User(asker.user), now).on(org);
    let written = table
        .commit_audited(org, &[entry], || table.transaction().put_organization(&organization, &owner))
        .await?;
    written.map_err(|Cancelled(_)| StoreError::Contended)?;
    Ok(created(View::new(organization, role)))
}
