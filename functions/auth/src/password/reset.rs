//! `POST /auth/password/reset` chooses another password by a link. Every session ends, and so does every
//! other link; a second factor stays, and is asked for at the next log-in.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFieldsWith, Json as Body, Operation};
use shared::limit::Guard;
use shared::link::{Link, LinkPurpose};
use shared::mail::Mail;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::NewPassword;
use crate::Auth;
use crate::account::Account;
use crate::invited::TokenText;
use crate::links::{find, unusable};
use crate::sign_in::{audited, tell};

#[derive(JsonSchema)]
#[schemars(rename = "ResetPassword", deny_unknown_fields)]
pub(crate) struct Request {
    /// The token of the link.
    #[schemars(with = "String")]
    token: TokenText,
    /// The new password.
    password: NewPassword,
}

impl FromFieldsWith<Auth> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, auth: &Auth) -> Option<Self> {
        let (token, password) = (fields.text("token"), auth.passwords.rules.field(fields, "password"));
        Some(Self { token: token?, password: password? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("resetPassword", "Choose another password by a link")
        .takes::<Request>(json!({
            "token": "AQEBm38bkAAAOAg4DgOA4DgHAAAAAA",
            "password": "purple monkey dishwasher",
        }))
        .answers_empty(204, "It is chosen. All sessions have ended.")
        .fails(&[Kind::InvalidLink])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<StatusCode, Problem> {
    let Request { token, password } = request;
    let Link { id, purpose, .. } = find(&auth.core, &token).await?;
    let LinkPurpose::PasswordReset { user, email, epoch } = purpose else { return Err(unusable()) };
    auth.passwords.breached.check("/password", &password).await?;
    let (table, now) = (&auth.core.table, auth.core.clock.now());
    let Account { user, .. } = Account::find(table, (user, epoch), None).await?.ok_or_else(unusable)?;
    let login = table.login(&email).await?.filter(|login| login.user == user.id && login.epoch == epoch);
    let login = login.ok_or_else(unusable)?;
    let home = Account::home(table, user.id, login.organization).await?;
    let organization = match home {
        Some(org) => table.organization(org).await?,
        None => None,
    };
    let name = organization.map(|organization| organization.name);
    if let Err(violation) = password.check_guess(Some(&email), name.as_ref()) {
        return Err(Problem::field("/password", violation));
    }
    let hash = auth.hasher.hash(&password.into_password()).await?;
    let entry = origin.entry(Action::PasswordReset, Actor::User(user.id), now).on(user.id);
    let written = audited(table, home, [entry], || {
        table.transaction().use_link(id, now)?.reset_password(&user, &login, &hash)
    });
    written.await?.map_err(|Cancelled(_)| unusable())?;
    // Whoever the account belongs to has shown it: a lock that somebody else brought about ends.
    auth.core.limiter.forgive(Guard::PASSWORDS, &email.digest()).await?;
    end_sessions(&auth, user.id).await;
    tell(&auth, Mail::PasswordChanged { user: user.id }).await;
    Ok(StatusCode::NO_CONTENT)
}

/// They are dead already, being of another epoch; this takes them out of the list.
pub(crate) async fn end_sessions(auth: &Auth, user: shared::id::UserId) {
    let table = &auth.core.table;
    let ended = async {
        let ids: Vec<_> = table.sessions(user).await?.into_iter().map(|session| session.id).collect();
        table.delete_sessions(user, &ids).await
    };
    if let Err(error) = ended.await {
        tracing::warn!(error = %error, "sessions of an earlier epoch stay until their time is over");
    }
}
