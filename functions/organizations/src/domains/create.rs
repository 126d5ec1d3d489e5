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
use shared::http::{Fields, FromFields, Json as Body, Operation, created};
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::list::View;
use crate::own::Own;

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
        .fails(&[Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now, org) = (&core.table, core.clock.now(), own.org);
    if table.domains(org).await?.len() >= Domain::PER_ORGANIZATION_MAX {
        let detail = format_args!("an organisation has at most {} domains", Domain::PER_ORGANIZATION_MAX);
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let token = format!("{:032x}", u128::from_be_bytes(core.entropy.bytes()?));
    let join = request.join.unwrap_or_default();
    let status = DomainStatus::Pending;
    let domain = Domain { org, domain: request.domain, status, join, token, created_at: now };
    let entry = own.entry(&origin, Action::DomainAdded, now).on(&domain.domain);
    let written = table.commit_audited(org, &[entry], || table.transaction().put_domain(&domain)).await?;
    written.map_err(|Cancelled(_)| {
        Problem::because(Kind::Conflict, "the organisation has named this domain before")
    })?;
    Ok(created(View::from(domain)))
}
