//! `DELETE /api/organizations/{id}/members/{user_id}` takes a member out, or refuses somebody who asks to
//! join. Everybody may leave; the last owner cannot.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::http::{Operation, PathPair};
use shared::id::{OrgId, UserId};
use shared::operational::{Operational, OperationalKind};
use shared::organization::RoleChange;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::update::{may_grant, refused};
use crate::own::Own;

pub(crate) fn operation() -> Operation {
    Operation::new("removeMember", "Take a member out, leave, or refuse who asks to join")
        .answers_empty(204, "They are no member. Their access ends within five seconds.")
        .fails(&[Kind::InsufficientRole, Kind::LastOwner, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    own: Own,
    origin: Origin,
    PathPair(_, user): PathPair<OrgId, UserId>,
) -> Result<StatusCode, Problem> {
    let (table, now, org) = (&core.table, core.clock.now(), own.org);
    let Some(member) = table.membership(org, user).await? else {
        refuse(&core, &own, &origin, user).await?;
        return Ok(StatusCode::NO_CONTENT);
    };
    // People may leave; their keys are not they.
    let leaves = matches!(own.caller, Principal::Session { user: caller, .. } if caller == user);
    let entry = own.entry(&origin, Action::MemberRemoved, now).on(user);
    if !leaves && let Err(refused) = may_grant(&own, member.role) {
        table.note_audit(org, &entry.failed()).await;
        return Err(refused);
    }
    let change = RoleChange { org, user, from: member.role, to: None };
    let told = json!({ "user_id": user, "role": member.role });
    let event = operational.prepare(org, OperationalKind::MemberRemoved, None, told).await?;
    let build = || table.transaction().change_member(change)?.tell(event.as_ref());
    let written = table.commit_urgent(org, &[entry], build).await?;
    written.map_err(|cancelled| refused(&cancelled))?;
    operational.dispatch(event).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn refuse(core: &Core, own: &Own, origin: &Origin, user: UserId) -> Result<(), Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let entry = own.entry(origin, Action::MemberRefused, now).on(user);
    let written = table
        .commit_urgent(own.org, &[entry], || table.transaction().delete_join_request(own.org, user))
        .await?;
    written.map_err(|Cancelled(_)| Problem::not_found())
}
