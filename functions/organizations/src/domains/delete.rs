//! `DELETE /api/organizations/{id}/domains/{domain}` gives a domain up: another organisation can show it.
//! Members stay members.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::domain::{DomainName, DomainStatus};
use shared::http::{Operation, PathPair};
use shared::id::OrgId;
use shared::operational::{Operational, OperationalKind};
use shared::problem::Problem;
use shared::table::Cancelled;

use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("deleteDomain", "Give a domain up").answers_empty(204, "It is given up.")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    own: Own,
    origin: Origin,
    PathPair(_, name): PathPair<OrgId, DomainName>,
) -> Result<StatusCode, Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let domain = table.domain(own.org, &name).await?.ok_or_else(Problem::not_found)?;
    let verified = domain.status != DomainStatus::Pending;
    let entry = own.entry(&origin, Action::DomainRemoved, now).on(&name);
    let (kind, told) = (OperationalKind::OrganizationDomainRemoved, json!({ "id": own.org, "domain": name }));
    let event = if verified { operational.prepare(own.org, kind, None, told).await? } else { None };
    let build = || table.transaction().delete_domain(&domain, verified)?.tell(event.as_ref());
    let written = table.commit_audited(own.org, &[entry], build).await?;
    written.map_err(|Cancelled(_)| Problem::not_found())?;
    operational.dispatch(event).await;
    Ok(StatusCode::NO_CONTENT)
}
