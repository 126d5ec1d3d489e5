//! `PATCH /api/organizations/{id}/members/{user_id}` makes a member something else, or lets in somebody
//! who asks to join. Nobody gives, or takes away, more than they are themselves.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation, PathPair};
use shared::id::{OrgId, UserId};
use shared::operational::OperationalKind;
use shared::organization::{Change, Membership, RoleChange};
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::Cancelled;

use super::list::View;
use crate::Organizations;
use crate::own::Own;

#[derive(JsonSchema)]
#[schemars(rename = "UpdateMember", deny_unknown_fields)]
pub(crate) struct Request {
    role: Role,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { role: fields.text("role")? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateMember", "Make a member something else, or let in who asks to join")
        .takes::<Request>(json!({ "role": "admin" }))
        .answers::<View>(200, "The member as they are now", View::example())
        .fails(&[Kind::InsufficientRole, Kind::LastOwner, Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    PathPair(_, user): PathPair<OrgId, UserId>,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<View>, Problem> {
    let (table, to) = (&state.core.table, request.role);
    may_grant(&own, to)?;
    let member = match table.membership(own.org, user).await? {
        Some(member) => change(&state, &own, &origin, member, to).await?,
        None => let_in(&state, &own, &origin, user, to).await?,
    };
    let user = table.user(member.user).await?;
    Ok(Json(View::new(user, member.user, Some(member.role), member.joined_at)))
}

/// Refuses whoever would give, or take away, more than they are.
pub(crate) fn may_grant(own: &Own, role: Role) -> Result<(), Problem> {
    if own.caller.granting_role().may_grant(role) {
        return Ok(());
    }
    let detail = format_args!("you cannot give or take the role `{}`", role.as_str());
    Err(Problem::because(Kind::InsufficientRole, detail))
}

/// What a refused change of a member means.
pub(crate) fn refused(cancelled: &Cancelled) -> Problem {
    match Change::refused(cancelled, 0) {
        Some(Change::Organization) => Problem::because(Kind::LastOwner, "make somebody else an owner first"),
        Some(Change::Membership) | None => Problem::of(Kind::Conflict).retry_after(1),
    }
}

async fn change(
    Organizations { core, operational, .. }: &Organizations,
    own: &Own,
    origin: &Origin,
    member: Membership,
    to: Role,
) -> Result<Membership, Problem> {
    let (table, from) = (&core.table, member.role);
    let entry = own.entry(origin, Action::MemberRoleChanged, core.clock.now()).on(member.user);
    let entry = entry.with("from", from.as_str()).with("to", to.as_str());
    if let Err(refused) = may_grant(own, from) {
        table.note_audit(own.org, &entry.failed()).await;
        return Err(refused);
    }
    if from == to {
        return Ok(member);
    }
    let change = RoleChange { org: own.org, user: member.user, from, to: Some(to) };
    let told = json!({ "user_id": member.user, "role": to, "previous_role": from });
    let event = operational.prepare(own.org, OperationalKind::MemberUpdated, None, told).await?;
    let build = || table.transaction().change_member(change)?.tell(event.as_ref());
    let written = table.commit_audited(own.org, &[entry], build).await?;
    written.map_err(|cancelled| refused(&cancelled))?;
    operational.dispatch(event).await;
    Ok(Membership { role: to, ..member })
}

/// They asked to join, with a verified address at a domain of the organisation.
async fn let_in(
    Organizations { core, operational, .. }: &Organizations,
    own: &Own,
    origin: &Origin,
    user: UserId,
    role: Role,
) -> Result<Membership, Problem> {
    let (table, now, org) = (&core.table, core.clock.now(), own.org);
    let request = table.join_request(org, user).await?.filter(|request| request.is_live(now));
    request.ok_or_else(Problem::not_found)?;
    table.user(user).await?.ok_or_else(Problem::not_found)?;
    let membership = Membership { org, user, role, joined_at: now };
    let entry = own.entry(origin, Action::MemberAdded, now).on(user).with("role", role.as_str());
    let told = json!({ "user_id": user, "role": role });
    let event = operational.prepare(org, OperationalKind::MemberAdded, None, told).await?;
    let written = table
        .commit_audited(org, &[entry], || {
            let transaction = table.transaction().delete_join_request(org, user)?;
            transaction.add_member(&membership)?.tell(event.as_ref())
        })
        .await?;
    written.map_err(|Cancelled(places)| {
        if places.contains(&1) { Problem::of(Kind::LimitReached) } else { Problem::not_found() }
    })?;
    operational.dispatch(event).await;
    Ok(membership)
}
