//! `POST /api/organizations` makes an organisation, with the person who asks as its owner. The session
//! names what it named; `POST /auth/organization` moves it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Fields, FromFields, IdempotencyKey, Json as Body, Operation, created};
use shared::id::OrgId;
use shared::idempotency::{Claim, Created, Creation, Record};
use shared::name::Name;
use shared::organization::{Membership, Organization};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::StoreError;

use crate::view::View;

const ROUTE: &str = "POST /api/organizations";
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
        .idempotent()
        .fails(&[Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    asker: Person,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Body { value: request, digest }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let claim = idempotency.map(|key| Claim::of_person(asker.user, &key, ROUTE, digest));
    if let Some(before) = table.repeated(claim.as_ref(), now).await? {
        return again(&core, asker, &before).await;
    }
    if table.memberships_of(asker.user).await?.len() >= PER_PERSON_MAX {
        let detail = format_args!("a person is in at most {PER_PERSON_MAX} organisations");
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let organization = Organization::new(OrgId::new(now, &core.entropy)?, request.name, now);
    let (org, role) = (organization.id, Role::Owner);
    let owner = Membership { org, user: asker.user, role, joined_at: now };
    let entry = origin.entry(Action::OrganizationCreated, Actor::User(asker.user), now).on(org);
    let made = org.to_string();
    let creation = Creation { org, made, entry, claim: claim.as_ref(), now, running_until: None };
    match table.create_once(&creation, || table.transaction().put_organization(&organization, &owner)).await?
    {
        Created::Now => Ok(created(View::new(organization, role))),
        Created::Before(_) => match table.repeated(claim.as_ref(), now).await? {
            Some(before) => again(&core, asker, &before).await,
            None => Err(StoreError::Contended.into()),
        },
        Created::Refused(_) => Err(StoreError::Contended.into()),
    }
}

/// A repetition gets what the first request made, as it is now.
async fn again(core: &Core, asker: Person, before: &Record) -> Result<(StatusCode, Json<View>), Problem> {
    let org = before.made.parse().map_err(|_| StoreError::Corrupt(before.made.clone()))?;
    let found = core.table.organizations_of(asker.user).await?;
    let made = found.into_iter().find(|(organization, _)| organization.id == org);
    let (organization, role) = made.ok_or_else(|| before.is_gone())?;
    Ok(created(View::new(organization, role)))
}
