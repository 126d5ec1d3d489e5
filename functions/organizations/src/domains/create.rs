//! `POST /api/organizations/{id}/domains` names a domain, and says which record shows that it is the
//! organisation's.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::domain::{Domain, DomainName, DomainStatus, JoinMode};
use shared::http::{Fields, FromFields, IdempotencyKey, Json as Body, Operation, created};
use shared::id::OrgId;
use shared::idempotency::{Claim, Created, Creation, Record};
use shared::problem::{Kind, Problem};
use shared::table::StoreError;

use super::list::View;
use crate::own::Own;

const ROUTE: &str = "POST /api/organizations/{id}/domains";

#[derive(JsonSchema)]
#[schemars(rename = "CreateDomain", deny_unknown_fields)]
pub(crate) struct Request {
    domain: DomainName,
    /// `request` if not given.
    join: Option<JoinMode>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (domain, join) = (fields.text("domain"), fields.optional_text("join"));
        Some(Self { domain: domain?, join })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("createDomain", "Name a domain of the organisation")
        .takes::<Request>(json!({ "domain": "example.com", "join": "request" }))
        .answers::<View>(201, "The domain, and the record that shows it", View::example())
        .idempotent()
        .fails(&[Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Body { value: request, digest }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now, org) = (&core.table, core.clock.now(), own.org);
    let claim = idempotency.map(|key| Claim::new(org, &key, ROUTE, digest));
    if let Some(before) = table.repeated(claim.as_ref(), now).await? {
        return again(&core, org, &request.domain, &before).await;
    }
    if table.domains(org).await?.len() >= Domain::PER_ORGANIZATION_MAX {
        let detail = format_args!("an organisation has at most {} domains", Domain::PER_ORGANIZATION_MAX);
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let token = format!("{:032x}", u128::from_be_bytes(core.entropy.bytes()?));
    let join = request.join.unwrap_or_default();
    let status = DomainStatus::Pending;
    let domain = Domain { org, domain: request.domain, status, join, token, created_at: now };
    let entry = own.entry(&origin, Action::DomainAdded, now).on(&domain.domain);
    // Two requests for one domain make two tokens: that is how they are told apart.
    let made = domain.token.clone();
    let creation = Creation { org, made, entry, claim: claim.as_ref(), now, running_until: None };
    match table.create_once(&creation, || table.transaction().put_domain(&domain)).await? {
        Created::Now => Ok(created(View::from(domain))),
        Created::Before(_) => match table.repeated(claim.as_ref(), now).await? {
            Some(before) => again(&core, org, &domain.domain, &before).await,
            None => Err(StoreError::Contended.into()),
        },
        Created::Refused(_) => {
            Err(Problem::because(Kind::Conflict, "the organisation has named this domain before"))
        }
    }
}

/// A repetition gets what the first request made, as it is now.
async fn again(
    core: &Core,
    org: OrgId,
    name: &DomainName,
    before: &Record,
) -> Result<(StatusCode, Json<View>), Problem> {
    let domain = core.table.domain(org, name).await?.filter(|domain| domain.token == before.made);
    let gone =
        || Problem::because(Kind::Conflict, format_args!("`{name}` was given up since the first request"));
    Ok(created(View::from(domain.ok_or_else(gone)?)))
}
