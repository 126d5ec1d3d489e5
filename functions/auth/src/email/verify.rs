//! `POST /auth/email/verify` uses the link that shows that an address is one's own. For whoever
//! registered, it makes the account.
//!
//! It signs nobody in: whoever can read the mail need not be who chose the password.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::domain::{DomainName, Home, JoinMode};
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::id::UserId;
use shared::link::{Link, LinkPurpose, Way};
use shared::organization::OrganizationStatus;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;
use shared::user::{Email, User};

use crate::Auth;
use crate::account::Account;
use crate::invited::TokenText;
use crate::links::{find, unusable};
use crate::registering::{Place, make};
use crate::sign_in::audited;

#[derive(JsonSchema)]
#[schemars(rename = "VerifyEmail", deny_unknown_fields)]
pub(crate) struct Request {
    /// The token of the link.
    #[schemars(with = "String")]
    pub(super) token: TokenText,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { token: fields.text("token")? })
    }
}

/// The address is shown to be the person's.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EmailVerified")]
pub(crate) struct Answer {
    /// Always `verified`.
    status: &'static str,
    email: Email,
}

pub(crate) fn operation() -> Operation {
    Operation::new("verifyEmail", "Use the link that shows that an address is one's own")
        .takes::<Request>(json!({ "token": "AQEBm38bkAAAOAg4DgOA4DgHAAAAAA" }))
        .answers::<Answer>(
            200,
            "It is. Whoever registered has an account now, and can log in.",
            json!({ "status": "verified", "email": "ada@example.com" }),
        )
        .fails(&[Kind::InvalidLink, Kind::EmailTaken, Kind::LimitReached, Kind::Conflict])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<Answer>, Problem> {
    let Link { id, purpose, .. } = find(&auth.core, &request.token).await?;
    let now = auth.core.clock.now();
    let email = match purpose {
        LinkPurpose::Registration { email, name, password_hash, way } => {
            let place = place(&auth, &email, way).await?;
            let user = UserId::new(now, &auth.core.entropy)?;
            let user = User { email_verified: true, ..User::new(user, email.clone(), name, now) };
            make(&auth, (user, password_hash), place, Some(id), &origin).await?;
            email
        }
        LinkPurpose::Verification { user, email, epoch } => {
            let table = &auth.core.table;
            let login = table.login(&email).await?.filter(|login| login.user == user);
            let org = Account::home(table, user, login.and_then(|login| login.organization)).await?;
            Account::find(table, (user, epoch), None).await?.ok_or_else(unusable)?;
            let entry = origin.entry(Action::EmailVerified, Actor::User(user), now).on(user);
            let written = audited(table, org, [entry], || {
                table.transaction().use_link(id, now)?.verify_email(user, &email)
            });
            written.await?.map_err(|Cancelled(_)| unusable())?;
            email
        }
        LinkPurpose::PasswordReset { .. } | LinkPurpose::EmailChange { .. } => return Err(unusable()),
    };
    Ok(Json(Answer { status: "verified", email }))
}

/// Where somebody who registered comes to be, now that the address is shown to be theirs.
async fn place(auth: &Auth, email: &Email, way: Way) -> Result<Place, Problem> {
    let now = auth.core.clock.now();
    match way {
        Way::Create { name } => Place::make(auth, name, now),
        Way::Join => {
            let Some(domain) = DomainName::of(email) else { return Ok(Place::Nowhere) };
            let table = &auth.core.table;
            let Some(Home { org, join }) = table.home_of_domain(&domain).await? else {
                return Ok(Place::Nowhere);
            };
            let organization = table.organization(org).await?;
            let usable = organization.filter(|found| found.status == OrganizationStatus::Active);
            Ok(match (usable, join) {
                (Some(organization), JoinMode::Automatic) => Place::Joined(organization),
                (Some(_), JoinMode::Request) => Place::Asked(org),
                (None, _) => Place::Nowhere,
            })
        }
    }
}
