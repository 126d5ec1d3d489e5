//! `POST /auth/register` makes a person, in one of three ways: with an organisation of their own, by an
//! invitation, or to join the organisation that has the domain of their address.
//!
//! Where addresses have to be verified, nobody is told whether one is taken: what they ask for waits for
//! the link in a mail, and claims nothing until then. An invitation was itself sent to the address.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::config::EmailVerification;
use shared::http::{Fields, FromFieldsWith, Json as Body, NoStore, Operation, created};
use shared::id::{LinkId, UserId};
use shared::limit::Window;
use shared::link::{Link, LinkPurpose, Way};
use shared::mail::Mail;
use shared::name::Name;
use shared::problem::{Kind, Problem, Violation};
use shared::table::Cancelled;
use shared::user::{Email, Login, User};

use crate::Auth;
use crate::account::Account;
use crate::invited::{Open, TokenText};
use crate::mailing::{Sent, take_mail};
use crate::password::NewPassword;
use crate::registering::{Place, email_taken, make};
use crate::sign_in::{audited, sign_in};
use crate::tokens::SignedIn;

pub(crate) struct Request {
    email: Email,
    password: NewPassword,
    name: Option<Name>,
    into: Into,
}

/// Where to.
enum Into {
    Organization(Name),
    Invitation(TokenText),
    Join,
}

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "RegisterRequest", deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    email: Email,
    password: NewPassword,
    /// What the person is called.
    name: Option<Name>,
    /// An organisation to be made. One of this, `invitation_token` and `join` has to be there.
    organization: Option<NewOrganization>,
    /// The token of an invitation to this address.
    invitation_token: Option<String>,
    /// `true` asks to join the organisation that has the domain of the address.
    join: Option<bool>,
}

/// An organisation to be made.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct NewOrganization {
    name: Name,
}

impl FromFieldsWith<Auth> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, auth: &Auth) -> Option<Self> {
        let (email, password) = (fields.text("email"), auth.passwords.rules.field(fields, "password"));
        let name = fields.optional_text("name");
        let into = read_into(fields, auth);
        if let Some(password) = &password {
            let organization = match &into {
                Some(Into::Organization(name)) => Some(name),
                Some(Into::Invitation(_) | Into::Join) | None => None,
            };
            if let Err(violation) = password.check_guess(email.as_ref(), organization) {
                fields.reject("password", violation);
            }
        }
        Some(Self { email: email?, password: password?, name, into: into? })
    }
}

fn read_into(fields: &mut Fields<'_>, auth: &Auth) -> Option<Into> {
    let invited = fields.is_given("invitation_token");
    let join = fields.optional("join", |json| match json.get() {
        "true" => Ok(()),
        _ => Err(Violation::new("unknown_value", "expected `true`, or no such field")),
    });
    let ways = [fields.is_given("organization"), invited, join.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        let detail = "one of `organization`, `invitation_token` and `join` is enough";
        fields.reject("organization", Violation::new("conflicting", detail));
    }
    if invited {
        return fields.text("invitation_token").map(Into::Invitation);
    }
    if join.is_some() {
        if auth.verification == EmailVerification::Off {
            let detail = "needs a verified address, and this deployment does not verify addresses";
            fields.reject("join", Violation::new("not_available", detail));
        }
        return Some(Into::Join);
    }
    fields.object("organization", |fields| fields.text("name")).map(Into::Organization)
}

/// What there is to say before the address is verified: the same to everybody.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RegistrationPending")]
struct Pending {
    /// Always `verification_sent`.
    status: &'static str,
}

pub(crate) fn operation() -> Operation {
    Operation::new(
        "register",
        "Make an account, in an organisation of one's own, by an invitation, or to join",
    )
    .takes::<Described>(json!({
        "email": "ada@example.com",
        "password": "correct horse battery staple",
        "name": "Ada Lovelace",
        "organization": { "name": "Analytical Engines" },
    }))
    .answers::<SignedIn>(
        201,
        "The person is a member of the organisation, and signed in.",
        SignedIn::example(),
    )
    .answers::<Pending>(
        202,
        "Where addresses are verified: a mail is on its way, whether or not there is an account.",
        json!({ "status": "verification_sent" }),
    )
    .fails(&[
        Kind::EmailTaken,
        Kind::Conflict,
        Kind::RateLimited,
        Kind::NotFound,
        Kind::InvitationForAnother,
        Kind::LimitReached,
    ])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<Response, Problem> {
    let now = auth.core.clock.now();
    auth.core.limiter.take(Window::REGISTRATIONS, &origin.address.subject(), now).await?.or_refuse()?;
    auth.passwords.breached.check("/password", &request.password).await?;
    let Request { email, password, name, into } = request;
    let way = match into {
        Into::Invitation(token) => {
            let account = by_invitation(&auth, &origin, (email, password, name), &token).await?;
            return signed_in(&auth, account, &origin).await;
        }
        Into::Organization(name) => Way::Create { name },
        Into::Join => Way::Join,
    };
    match (auth.verification, way) {
        (EmailVerification::Off, Way::Create { name: organization }) => {
            let password_hash = auth.hasher.hash(&password.into_password()).await?;
            let user = User::new(UserId::new(now, &auth.core.entropy)?, email, name, now);
            let place = Place::make(&auth, organization, now)?;
            let account = make(&auth, (user, password_hash), place, None, &origin).await?;
            signed_in(&auth, account, &origin).await
        }
        (EmailVerification::On | EmailVerification::Off, way) => {
            wait_for_link(&auth, &origin, (email, password, name), way).await?;
            Ok((StatusCode::ACCEPTED, Json(Pending { status: Sent::VERIFICATION })).into_response())
        }
    }
}

async fn signed_in(auth: &Auth, account: Account, origin: &Origin) -> Result<Response, Problem> {
    let signed_in = sign_in(auth, account, origin, Action::UserLoggedIn).await?;
    Ok(NoStore(created(signed_in)).into_response())
}

type Who = (Email, NewPassword, Option<Name>);

/// What was asked for waits for its link. Whether the address has an account is not looked up here: the
/// mailer does, so that the answer and its time are the same for all.
async fn wait_for_link(
    auth: &Auth,
    origin: &Origin,
    (email, password, name): Who,
    way: Way,
) -> Result<(), Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    take_mail(auth, origin, &email).await?;
    let password_hash = auth.hasher.hash(&password.into_password()).await?;
    let purpose = LinkPurpose::Registration { email: email.clone(), name, password_hash, way };
    let link = Link::new(LinkId::new(now, &core.entropy)?, purpose, now);
    core.table.put_registration(&link, &email).await?;
    auth.mail.send(Mail::Registration { link: link.id }, now).await?;
    Ok(())
}

/// The invitation was sent to the address, so whoever has its token has shown that the address is theirs.
async fn by_invitation(
    auth: &Auth,
    origin: &Origin,
    (email, password, name): Who,
    token: &TokenText,
) -> Result<Account, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let open = Open::find(core, token).await?;
    open.check(&email)?;
    if let Err(violation) = password.check_guess(Some(&email), Some(&open.organization.name)) {
        return Err(Problem::field("/password", violation));
    }
    let password_hash = auth.hasher.hash(&password.into_password()).await?;
    let id = UserId::new(now, &core.entropy)?;
    let user = User { email_verified: true, ..User::new(id, email, name, now) };
    let (org, epoch) = (open.organization.id, user.epoch);
    let login = Login { user: id, password_hash, organization: Some(org), epoch };
    let event = open.told(&auth.operational, id).await?;
    let written = audited(&core.table, Some(org), [open.entry(id, origin, now)], || {
        let transaction = core.table.transaction().put_user(&user, login.clone())?;
        open.accept(transaction, id, now)?.tell(event.as_ref())
    })
    .await?;
    auth.operational.dispatch(event.filter(|_| written.is_ok())).await;
    match written {
        Ok(()) => Ok(Account { user, membership: Some((open.organization, open.invitation.role)) }),
        Err(Cancelled(places)) if places.contains(&0) => Err(email_taken()),
        Err(Cancelled(places)) => Err(Open::refused(&places, 2)),
    }
}
