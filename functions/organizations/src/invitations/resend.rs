//! `POST /api/organizations/{id}/invitations/{invitation_id}/resend` sends an invitation again, with another
//! token and as much time as a new one: the token before is worth nothing. Whoever sends it again is the
//! inviter from then on.

use axum::Json;
use axum::extract::State;
use shared::audit::{Action, Origin};
use shared::http::{Operation, PathPair};
use shared::id::{InvitationId, OrgId};
use shared::invitation::{Invitation, InvitationStatus};
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::create::send;
use super::list::View;
use crate::Organizations;
use crate::members::update::may_grant;
use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("resendInvitation", "Send an invitation again, with another link")
        .answers::<View>(200, "The invitation as it is now", View::example())
        .fails(&[Kind::InsufficientRole, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    PathPair(_, id): PathPair<OrgId, InvitationId>,
) -> Result<Json<View>, Problem> {
    let (table, now) = (&state.core.table, state.core.clock.now());
    let found = table.invitation(own.org, id).await?;
    let pending = |invitation: &Invitation| invitation.status == InvitationStatus::Pending;
    let invitation = found.filter(pending).ok_or_else(Problem::not_found)?;
    may_grant(&own, invitation.role)?;
    let account = invitation.email.digest();
    state.core.limiter.take_mail(&origin.address.subject(), &account, now).await?;
    let inviter = own.caller.user();
    let entry = own.entry(&origin, Action::InvitationResent, now).on(id);
    let written = table
        .commit_audited(own.org, &[entry], || table.transaction().renew_invitation(&invitation, inviter, now))
        .await?;
    written.map_err(|Cancelled(_)| Problem::not_found())?;
    let generation = invitation.generation + 1;
    let expires_at = now.plus(Invitation::LIFE);
    let invitation = Invitation { generation, inviter, expires_at, ..invitation };
    send(&state, &invitation).await?;
    Ok(Json(View::from(invitation)))
}
