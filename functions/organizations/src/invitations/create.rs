//! `POST /api/organizations/{id}/invitations` invites an address into the organisation: the link goes there.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::http::{Fields, FromFields, IdempotencyKey, Json as Body, Operation, created};
use shared::id::{InvitationId, OrgId};
use shared::idempotency::{Claim, Created, Creation, Progress, Record};
use shared::invitation::Invitation;
use shared::mail::Mail;
use shared::operational::OperationalKind;
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::StoreError;
use shared::user::Email;

use super::list::View;
use crate::Organizations;
use crate::members::update::may_grant;
use crate::own::Own;

const ROUTE: &str = "POST /api/organizations/{id}/invitations";

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
        .idempotent()
        .fails(&[
            Kind::InsufficientRole,
            Kind::LimitReached,
            Kind::RateLimited,
            Kind::Conflict,
            Kind::IdempotencyInProgress,
        ])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Body { value: request, digest }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now) = (&state.core.table, state.core.clock.now());
    let claim = idempotency.map(|key| Claim::new(own.org, &key, ROUTE, digest));
    let claim = claim.as_ref();
    if let Some(before) = table.repeated(claim, now).await? {
        return again(&state, own.org, claim, &before).await;
    }
    let invitation = prepare(&state, (&own, &origin), request, now).await?;
    let id = invitation.id;
    let entry = own.entry(&origin, Action::InvitationCreated, now).on(id);
    let entry = entry.with("role", invitation.role.as_str());
    let until = now.plus(Record::RUNNING);
    let running_until = Some(until);
    let creation = Creation { org: own.org, made: id.to_string(), entry, claim, now, running_until };
    let told = json!({ "invitation_id": id, "role": invitation.role });
    let event = state.operational.prepare(own.org, OperationalKind::MemberInvited, None, told).await?;
    let build = || table.transaction().put_invitation(&invitation)?.tell(event.as_ref());
    match table.create_once(&creation, build).await? {
        Created::Now => {
            state.operational.dispatch(event).await;
            finish(&state, claim, until, invitation).await
        }
        Created::Before(_) => Err(Problem::of(Kind::IdempotencyInProgress).retry_after(1)),
        Created::Refused(_) => Err(StoreError::Contended.into()),
    }
}

/// Whether the caller may invite somebody as that, and whom.
async fn prepare(
    state: &Organizations,
    (own, origin): (&Own, &Origin),
    request: Request,
    now: Timestamp,
) -> Result<Invitation, Problem> {
    let core = &state.core;
    let role = request.role.unwrap_or(Role::Member);
    if let Err(refused) = may_grant(own, role) {
        let entry = own.entry(origin, Action::InvitationCreated, now).with("role", role.as_str());
        core.table.note_audit(own.org, &entry.failed()).await;
        return Err(refused);
    }
    core.limiter.take_mail(&origin.address.subject(), &request.email.digest(), now).await?;
    if core.table.live_invitations(own.org, now).await?.len() >= Invitation::PENDING_MAX {
        let detail = format_args!("at most {} invitations wait for an answer", Invitation::PENDING_MAX);
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let id = InvitationId::new(now, &core.entropy)?;
    Ok(Invitation::new(id, (own.org, own.caller.user()), request.email, role, now))
}

/// Asks for the mail; from then on a repetition has nothing left to do.
async fn finish(
    state: &Organizations,
    claim: Option<&Claim>,
    until: Timestamp,
    invitation: Invitation,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, sent) = (&state.core.table, send(state, &invitation).await);
    // The record only saves a repetition from waiting or a second mail: not worth failing for.
    let noted = match (claim, &sent) {
        (Some(claim), Ok(())) => table.finish_claim(claim).await,
        (Some(claim), Err(_)) => table.release_claim(claim, until).await,
        (None, _) => Ok(()),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, invitation = %invitation.id, "an idempotency record stays open");
    }
    sent.map(|()| created(View::from(invitation)))
}

/// A repetition gets what the first request made, as it is now, and asks for the mail where that one
/// stopped before it did.
async fn again(
    state: &Organizations,
    org: OrgId,
    claim: Option<&Claim>,
    before: &Record,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, now) = (&state.core.table, state.core.clock.now());
    let id = before.made.parse().map_err(|_| StoreError::Corrupt(before.made.clone()))?;
    let invitation = table.invitation(org, id).await?.ok_or_else(|| before.is_gone())?;
    match (before.progress(now), claim) {
        (Progress::Running { seconds }, _) => {
            Err(Problem::of(Kind::IdempotencyInProgress).retry_after(seconds))
        }
        (Progress::Stopped(end), Some(claim)) => {
            let until = now.plus(Record::RUNNING);
            if !table.take_over_claim(claim, end, until).await? {
                return Err(Problem::of(Kind::IdempotencyInProgress).retry_after(1));
            }
            finish(state, Some(claim), until, invitation).await
        }
        (Progress::Stopped(_), None) | (Progress::Done, _) => Ok(created(View::from(invitation))),
    }
}

/// Asks for the mail with the link.
pub(super) async fn send(state: &Organizations, invitation: &Invitation) -> Result<(), Problem> {
    let Invitation { id, org, generation, .. } = *invitation;
    let mail = Mail::Invitation { organization: org, invitation: id, generation };
    state.mail.send(mail, state.core.clock.now()).await?;
    Ok(())
}
