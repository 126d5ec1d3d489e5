//! `POST /api/organizations/{id}/invitations` invites an address into the organisation: the link goes there.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation, created};
use shared::id::InvitationId;
use shared::invitation::Invitation;
use shared::limit::Window;
use shared::mail::Mail;
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::{Cancelled, StoreError};
use shared::user::Email;

use super::list::View;
use crate::Organizations;
use crate::members::update::may_grant;
use crate::own::Own;

#[derive(JsonSchema)]
#[schemars(rename = "CreateInvitation", deny_unknown_fields)]
pub(crate) struct Request {
    email: Email,
    /// `member` if not given; not above one's own.
    role: Option<Role>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (email, role) = (fields.text("email"), fields.optional_text("role"));
        Some(Self { email: email?, role })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("createInvitation", "Invite somebody")
        .takes::<Request>(json!({ "email": "grace@example.com", "role": "member" }))
        .answers::<View>(201, "The invitation; its link is on its way to the address", View::example())
        .fails(&[Kind::InsufficientRole, Kind::LimitReached, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (core, now) = (&state.core, state.core.clock.now());
    let role = request.role.unwrap_or(Role::Member);
    may_grant(&own, role)?;
    state.limiter.take(Window::MAILS_TO_ACCOUNT, &request.email.digest(), now).await?.or_refuse()?;
    if core.table.live_invitations(own.org, now).await?.len() >= Invitation::PENDING_MAX {
        let detail = format_args!("at most {} invitations wait for an answer", Invitation::PENDING_MAX);
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let id = InvitationId::new(now, &core.entropy)?;
    let invitation = Invitation::new(id, (own.org, own.caller.user()), request.email, role, now);
    let entry = own.entry(&origin, Action::InvitationCreated, now).on(id).with("role", role.as_str());
    let table = &core.table;
    let written =
        table.commit_audited(own.org, &[entry], || table.transaction().put_invitation(&invitation)).await?;
    written.map_err(|Cancelled(_)| StoreError::Contended)?;
    send(&state, &invitation).await?;
    Ok(created(View::from(invitation)))
}

/// Asks for the mail with the link.
pub(super) async fn send(state: &Organizations, invitation: &Invitation) -> Result<(), Problem> {
    let Invitation { id, org, generation, .. } = *invitation;
    let mail = Mail::Invitation { organization: org, invitation: id, generation };
    state.mail.send(mail, state.core.clock.now()).await?;
    Ok(())
}
