//! `POST /api/organizations/{id}/domains/{domain}/verify` looks the record up. Whoever shows a domain first
//! has it.

use axum::Json;
use axum::extract::State;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::domain::{Domain, DomainName, DomainStatus};
use shared::http::{Operation, PathPair};
use shared::id::OrgId;
use shared::operational::OperationalKind;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::list::View;
use crate::Organizations;
use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("verifyDomain", "Look up the record that shows a domain")
        .answers::<View>(200, "The domain, which is the organisation's", View::example())
        .fails(&[Kind::DomainNotProved, Kind::DomainTaken])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    PathPair(_, name): PathPair<OrgId, DomainName>,
) -> Result<Json<View>, Problem> {
    let (table, now) = (&state.core.table, state.core.clock.now());
    let domain = table.domain(own.org, &name).await?.ok_or_else(Problem::not_found)?;
    if domain.status != DomainStatus::Pending {
        return Ok(Json(View::from(domain)));
    }
    let entry = own.entry(&origin, Action::DomainVerified, now).on(&name);
    if !state.dns.txt(&domain.record_name()).await?.contains(&domain.record_value()) {
        table.append_audit(own.org, &entry.failed()).await?;
        let detail = format_args!("DNS has no such TXT record at `{}`", domain.record_name());
        return Err(Problem::because(Kind::DomainNotProved, detail));
    }
    let (kind, told) =
        (OperationalKind::OrganizationDomainVerified, json!({ "id": own.org, "domain": name }));
    let event = state.operational.prepare(own.org, kind, None, told).await?;
    let build = || table.transaction().verify_domain(&domain, now)?.tell(event.as_ref());
    match table.commit_audited(own.org, &[entry], build).await? {
        Ok(()) => {
            state.operational.dispatch(event).await;
            Ok(Json(View::from(Domain { status: DomainStatus::Verified { at: now }, ..domain })))
        }
        Err(Cancelled(_)) => again(&state, own.org, &name).await,
    }
}

/// It was shown while the record was looked up: by this organisation, which is as well, or by another.
async fn again(state: &Organizations, org: OrgId, name: &DomainName) -> Result<Json<View>, Problem> {
    let domain = state.core.table.domain(org, name).await?.ok_or_else(Problem::not_found)?;
    match domain.status {
        DomainStatus::Verified { .. } => Ok(Json(View::from(domain))),
        DomainStatus::Pending => Err(Problem::of(Kind::DomainTaken)),
    }
}
