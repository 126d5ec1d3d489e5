//! `DELETE /auth/me` deletes the account of the person who asks. Of them the identifier stays, which
//! records and keys name and which is never given again; the address is free.
//!
//! Memberships go one by one before the person does. Stopped in between, the person is there, in fewer
//! organisations, and asks again.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::operational::OperationalKind;
use shared::organization::{Change, RoleChange};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;
use shared::user::User;

use super::read::person;
use crate::Auth;
use crate::login::confirm;
use crate::password::Password;
use crate::password::reset::end_sessions;
use crate::second_factor::show::{Code, shown_by};

#[derive(JsonSchema)]
#[schemars(rename = "DeleteMe", deny_unknown_fields)]
pub(crate) struct Request {
    password: Password,
    /// A code of the second factor, where that is on.
    #[schemars(with = "Option<String>")]
    code: Option<Code>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (password, code) = (fields.text("password"), fields.optional_text("code"));
        Some(Self { password: password?, code })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("deleteMe", "Delete one's account")
        .takes::<Request>(json!({ "password": "correct horse battery staple" }))
        .answers_empty(204, "It is gone, and so are its sessions.")
        .fails(&[Kind::LastOwner, Kind::InvalidCode, Kind::RateLimited, Kind::Conflict])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<StatusCode, Problem> {
    let table = &auth.core.table;
    let user = person(&auth.core, asker).await?;
    confirm(&auth, (asker, &origin), &user.email, &request.password, "/password").await?;
    if user.mfa_enabled {
        shown_by(&auth, (asker, &origin), &user, request.code.as_ref()).await?;
    }
    // Said before anything goes: the last owner of one organisation keeps all the others, too.
    for (organization, role) in table.organizations_of(user.id).await? {
        let last = role == shared::scope::Role::Owner && organization.owners == 1;
        if last {
            let detail = format_args!("you are the last owner of `{}`", organization.id);
            return Err(Problem::because(Kind::LastOwner, detail));
        }
    }
    leave(&auth, &user, &origin).await?;
    let now = auth.core.clock.now();
    let factor = table.factor(user.id).await?.is_some();
    let mut gone = table.transaction().delete_user(&user, now)?;
    if factor {
        gone = gone.delete_factor(user.id)?;
    }
    gone.commit().await?.map_err(|Cancelled(_)| Problem::of(Kind::Conflict).retry_after(1))?;
    end_sessions(&auth, user.id).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn leave(auth: &Auth, user: &User, origin: &Origin) -> Result<(), Problem> {
    let (table, now) = (&auth.core.table, auth.core.clock.now());
    for membership in table.memberships_of(user.id).await? {
        let (org, from) = (membership.org, membership.role);
        if table.organization(org).await?.is_none() {
            table.forget_membership(org, user.id).await?;
            continue;
        }
        let entry = origin.entry(Action::UserDeleted, Actor::User(user.id), now).on(user.id);
        let change = RoleChange { org, user: user.id, from, to: None };
        let told = json!({ "user_id": user.id, "role": from });
        let event = auth.operational.prepare(org, OperationalKind::MemberRemoved, None, told).await?;
        let build = || table.transaction().change_member(change)?.tell(event.as_ref());
        let written = table.commit_audited(org, &[entry], build).await?;
        if let Err(cancelled) = written {
            return Err(match Change::refused(&cancelled, 0) {
                Some(Change::Organization) => {
                    Problem::because(Kind::LastOwner, format_args!("you are the last owner of `{org}`"))
                }
                Some(Change::Membership) | None => Problem::of(Kind::Conflict).retry_after(1),
            });
        }
        auth.operational.dispatch(event).await;
    }
    Ok(())
}
