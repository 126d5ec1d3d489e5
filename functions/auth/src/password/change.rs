//! `POST /auth/password` changes the password of whoever is signed in. This session goes on, with new
//! tokens; every other ends, and so does every link.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFieldsWith, Json as Body, NoStore, Operation};
use shared::mail::Mail;
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::session::Session;
use shared::table::{Cancelled, StoreError};

use super::{NewPassword, Password};
use crate::Auth;
use crate::account::Account;
use crate::login::confirm;
use crate::me::read::person;
use crate::sign_in::{audited, tell};
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "ChangePassword", deny_unknown_fields)]
pub(crate) struct Request {
    current_password: Password,
    new_password: NewPassword,
}

impl FromFieldsWith<Auth> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, auth: &Auth) -> Option<Self> {
        let current = fields.text("current_password");
        let new = auth.passwords.rules.field(fields, "new_password");
        Some(Self { current_password: current?, new_password: new? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("changePassword", "Change one's password; every other session ends")
        .takes::<Request>(json!({
            "current_password": "correct horse battery staple",
            "new_password": "purple monkey dishwasher",
        }))
        .answers::<SignedIn>(200, "It is changed. These are the session's next tokens.", SignedIn::example())
        .fails(&[Kind::RateLimited, Kind::InvalidToken, Kind::Conflict])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    let Request { current_password, new_password } = request;
    let (table, now) = (&auth.core.table, auth.core.clock.now());
    let user = person(&auth.core, asker).await?;
    let organization = match asker.org {
        Some(org) => table.organization(org).await?,
        None => None,
    };
    let name = organization.map(|organization| organization.name);
    if let Err(violation) = new_password.check_guess(Some(&user.email), name.as_ref()) {
        return Err(Problem::field("/new_password", violation));
    }
    auth.passwords.breached.check("/new_password", &new_password).await?;
    let login = confirm(&auth, (asker, &origin), &user.email, &current_password, "/current_password").await?;
    let session = table.session(asker.user, asker.session).await?;
    let session = session.ok_or_else(|| Problem::of(Kind::InvalidToken))?;
    let hash = auth.hasher.hash(&new_password.into_password()).await?;

    let entry = origin.entry(Action::PasswordChanged, Actor::User(user.id), now).on(user.id);
    let written = audited(table, asker.org, [entry], || {
        table.transaction().change_password(&user, &login, &hash)?.carry_session(&session, now)
    });
    // The password or the session changed in the meantime: whoever asked may ask again.
    written.await?.map_err(|Cancelled(_)| Problem::of(Kind::Conflict).retry_after(1))?;
    end_others(&auth, &session).await;
    tell(&auth, Mail::PasswordChanged { user: user.id }).await;
    let epoch = login.epoch + 1;
    let session = Session { counter: session.counter + 1, epoch, ..session };
    let account = Account::find(table, (user.id, epoch), session.org).await?;
    let account = account.ok_or_else(|| Problem::of(Kind::InvalidToken))?;
    Ok(NoStore(Json(SignedIn::issue(&auth.core, &session, account).await?)))
}

/// They are dead already, being of another epoch; this takes them out of the list.
async fn end_others(auth: &Auth, kept: &Session) {
    let table = &auth.core.table;
    let ended = async {
        let ids = table.sessions(kept.user).await?.into_iter().map(|session| session.id);
        let others: Vec<_> = ids.filter(|id| *id != kept.id).collect();
        table.delete_sessions(kept.user, &others).await
    };
    let ended: Result<(), StoreError> = ended.await;
    if let Err(error) = ended {
        tracing::warn!(error = %error, "sessions of an earlier epoch stay until their time is over");
    }
}
