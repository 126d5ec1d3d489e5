//! `POST /auth/email/change/confirm` uses the link that was sent to a new address: from then on it is
//! the person's. The address before is told.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Json as Body, Operation};
use shared::link::{Link, LinkPurpose};
use shared::mail::Mail;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;
use shared::user::Email;

use super::verify::Request;
use crate::Auth;
use crate::account::Account;
use crate::links::{find, unusable};
use crate::registering::email_taken;
use crate::sign_in::{audited, tell};

/// The address is the person's.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EmailChanged")]
pub(crate) struct Answer {
    /// Always `changed`.
    status: &'static str,
    email: Email,
}

pub(crate) fn operation() -> Operation {
    Operation::new("confirmEmailChange", "Use the link that was sent to a new address")
        .takes::<Request>(json!({ "token": "AQEBm38bkAAAOAg4DgOA4DgHAAAAAA" }))
        .answers::<Answer>(
            200,
            "The address is the person's.",
            json!({ "status": "changed", "email": "ada@example.org" }),
        )
        .fails(&[Kind::InvalidLink, Kind::EmailTaken])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<Answer>, Problem> {
    let Link { id, purpose, .. } = find(&auth.core, &request.token).await?;
    let LinkPurpose::EmailChange { user, old, new, epoch } = purpose else { return Err(unusable()) };
    let (table, now) = (&auth.core.table, auth.core.clock.now());
    let Account { user, .. } = Account::find(table, (user, epoch), None).await?.ok_or_else(unusable)?;
    let login = table.login(&old).await?.filter(|login| login.user == user.id && login.epoch == epoch);
    let login = login.ok_or_else(unusable)?;
    let entry = origin.entry(Action::EmailChanged, Actor::User(user.id), now).on(user.id);
    let home = Account::home(table, user.id, login.organization).await?;
    let written = audited(table, home, [entry], || {
        table.transaction().use_link(id, now)?.change_email(&user, login.clone(), &new)
    });
    written.await?.map_err(|Cancelled(places)| {
        // The link is the first write, the claim on the new address the second.
        if places == [1] { email_taken() } else { unusable() }
    })?;
    tell(&auth, Mail::EmailChanged { user: user.id, old }).await;
    Ok(Json(Answer { status: "changed", email: new }))
}
