//! `POST /auth/email/change` asks to move to another address: a link goes there. Until it is used,
//! nothing has changed, and whether the address has an account is not told.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::id::LinkId;
use shared::link::{Link, LinkPurpose};
use shared::mail::Mail;
use shared::principal::Person;
use shared::problem::{Kind, Problem, Violation};
use shared::user::Email;

use crate::Auth;
use crate::login::confirm;
use crate::mailing::{Sent, take_mail};
use crate::me::read::person;
use crate::password::Password;

#[derive(JsonSchema)]
#[schemars(rename = "ChangeEmail", deny_unknown_fields)]
pub(crate) struct Request {
    /// The new address.
    email: Email,
    /// The present password.
    password: Password,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (email, password) = (fields.text("email"), fields.text("password"));
        Some(Self { email: email?, password: password? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("changeEmail", "Ask to move to another address")
        .takes::<Request>(json!({ "email": "ada@example.org", "password": "correct horse battery staple" }))
        .answers::<Sent>(202, "A mail is on its way to the new address.", Sent::example())
        .fails(&[Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let user = person(core, asker).await?;
    let login = confirm(&auth, (asker, &origin), &user.email, &request.password, "/password").await?;
    if request.email == user.email {
        return Err(Problem::field("/email", Violation::new("unchanged", "is your address already")));
    }
    take_mail(&auth, &origin, &request.email).await?;
    let purpose =
        LinkPurpose::EmailChange { user: user.id, old: user.email, new: request.email, epoch: login.epoch };
    let link = Link::new(LinkId::new(now, &core.entropy)?, purpose, now);
    core.table.put_link(&link, now).await?;
    if let Some(org) = asker.org {
        let entry = origin.entry(Action::EmailChangeRequested, Actor::User(user.id), now).on(user.id);
        core.table.append_audit(org, &entry).await?;
    }
    auth.mail.send(Mail::EmailChange { link: link.id }, now).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent::new())))
}
