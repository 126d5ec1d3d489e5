//! `DELETE /api/organizations/{id}` deletes the organisation. One write does it: members' sessions, keys,
//! invitations and webhooks all ask for the organisation, and there is none. What is left of webhooks,
//! keys, memberships and domains is cleaned up after it; the organisation's own item and its invitations
//! end by themselves, and the audit log stays.

use axum::extract::State;
use futures_util::{TryStreamExt, stream};
use http::StatusCode;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::domain::DomainStatus;
use shared::http::Operation;
use shared::id::OrgId;
use shared::problem::Problem;
use shared::table::{Cancelled, StoreError};

use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("deleteOrganization", "Delete the organisation")
        .answers_empty(204, "It is gone, and with it its keys, invitations and webhooks.")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    origin: Origin,
) -> Result<StatusCode, Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let entry = own.entry(&origin, Action::OrganizationDeleted, now).on(own.org);
    let written = table
        .commit_audited(own.org, &[entry], || table.transaction().delete_organization(own.org, now))
        .await?;
    written.map_err(|Cancelled(_)| Problem::not_found())?;
    if let Err(error) = clean_up(&core, own.org).await {
        tracing::warn!(error = %error, "what is left of a deleted organisation stays for now");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing of this lets anybody in any more. Deliveries that wait are skipped once their webhook is gone, and
/// a domain that stayed could not be proved by another.
async fn clean_up(core: &Core, org: OrgId) -> Result<(), StoreError> {
    let table = &core.table;
    let webhooks = table.subscriptions(org).await?;
    each(webhooks, |(webhook, _)| table.forget_webhook(org, webhook)).await?;
    table.forget_webhooks_revision(org).await?;
    loop {
        let keys = table.api_keys(org, None, 100).await?;
        if keys.is_empty() {
            break;
        }
        each(keys, |key| table.forget_api_key(org, key.key.id)).await?;
    }
    loop {
        let types = table.event_types(org, None, 100).await?;
        if types.is_empty() {
            break;
        }
        each(types, |registered| async move { table.forget_event_type(&registered).await }).await?;
    }
    for domain in table.domains(org).await? {
        let verified = domain.status != DomainStatus::Pending;
        let gone = table.transaction().delete_domain(&domain, verified)?.commit().await?;
        // Refused when somebody gave it up meanwhile.
        let _ = gone;
    }
    let members = table.all_members(org).await?;
    each(members, |member| table.forget_membership(org, member.user)).await
}

/// Takes some away, several at once: a thousand one after the other would take longer than a call may.
async fn each<T, F>(all: Vec<T>, forget: impl FnMut(T) -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    const AT_ONCE: usize = 16;
    stream::iter(all.into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, forget).await
}
