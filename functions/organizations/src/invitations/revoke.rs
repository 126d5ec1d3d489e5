//! `DELETE /api/organizations/{id}/invitations/{invitation_id}` takes an invitation back.

use axum::extract::State;
use http::StatusCode;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::http::{Operation, PathPair};
use shared::id::{InvitationId, OrgId};
use shared::invitation::InvitationStatus;
use shared::problem::Problem;
use shared::table::Cancelled;

use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("revokeInvitation", "Take an invitation back")
        .answers_empty(204, "Its link is worth nothing.")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    origin: Origin,
    PathPair(_, id): PathPair<OrgId, InvitationId>,
) -> Result<StatusCode, Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let invitation = table.invitation(own.org, id).await?.ok_or_else(Problem::not_found)?;
    let entry = own.entry(&origin, Action::InvitationRevoked, now).on(id);
    let written = table
        .commit_audited(own.org, &[entry], || {
            table.transaction().end_invitation(&invitation, InvitationStatus::Revoked, now)
        })
        .await?;
    written.map_err(|Cancelled(_)| Problem::not_found())?;
    Ok(StatusCode::NO_CONTENT)
}
