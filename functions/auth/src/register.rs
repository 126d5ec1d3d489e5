//! `POST /auth/register` makes a person and their organisation, and signs them in.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation, created};
use shared::id::{OrgId, SessionId, UserId};
use shared::name::Name;
use shared::organization::{Membership, Organization};
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::session::{Device, Session};
use shared::table::{Cancelled, StoreError};
use shared::user::{Email, Login, User};

use crate::Auth;
use crate::account::Account;
use crate::hasher::HashError;
use crate::password::NewPassword;
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "RegisterRequest", deny_unknown_fields)]
pub(crate) struct Request {
    email: Email,
    password: NewPassword,
    /// What the person is called.
    name: Option<Name>,
    organization: NewOrganization,
}

/// An organisation to be made.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewOrganization {
    name: Name,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (email, password) = (fields.text("email"), fields.text::<NewPassword>("password"));
        let name = fields.optional_text("name");
        let organization =
            fields.object("organization", |fields| fields.text("name").map(|name| NewOrganization { name }));
        if let Some(password) = &password {
            let organization = organization.as_ref().map(|organization| &organization.name);
            if let Err(violation) = password.check_guess(email.as_ref(), organization) {
                fields.reject("password", violation);
            }
        }
        Some(Self { email: email?, password: password?, name, organization: organization? })
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("another account has this e-mail address")]
    EmailTaken,
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::EmailTaken => Self::because(Kind::EmailTaken, error),
            Error::Hash(error) => error.into(),
            Error::Entropy(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("register", "Makes a person and their organisation, and signs them in.")
        .takes::<Request>(json!({
            "email": "ada@example.com",
            "password": "correct horse battery staple",
            "name": "Ada Lovelace",
            "organization": { "name": "Analytical Engines" },
        }))
        .answers::<SignedIn>(
            201,
            "The person is the owner of the organisation, and signed in.",
            SignedIn::example(),
        )
        .fails(&[Kind::EmailTaken, Kind::Conflict])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<(StatusCode, Json<SignedIn>)>, Problem> {
    let (session, account) = register(&auth, request).await?;
    Ok(NoStore(created(SignedIn::issue(&auth.core, &session, account).await?)))
}

/// Hashes whether or not the address is taken: the two take the same time. Then writes all of it
/// or nothing.
async fn register(auth: &Auth, request: Request) -> Result<(Session, Account), Error> {
    let Request { email, password, name, organization } = request;
    let password_hash = auth.hasher.hash(&password.into_password()).await?;

    let Core { clock, entropy, table, .. } = &auth.core;
    let now = clock.now();
    let user = User::new(UserId::new(now, entropy)?, email, name, now);
    let organization = Organization::new(OrgId::new(now, entropy)?, organization.name, now);
    let role = Role::Owner;
    let membership = Membership { org: organization.id, user: user.id, role, joined_at: now };
    let who = (user.id, user.epoch);
    let session =
        Session::begin(SessionId::new(now, entropy)?, who, Some(organization.id), Device::default(), now);

    let login =
        Login { user: user.id, password_hash, organization: Some(organization.id), epoch: user.epoch };
    let written = table
        .transaction()
        .put_user(&user, login)?
        .put_organization(&organization, &membership)?
        .put_session(&session)?
        .commit()
        .await?;
    match written {
        Ok(()) => Ok((session, Account { user, membership: Some((organization, role)) })),
        // The claim on the address is the first write.
        Err(Cancelled(places)) if places.contains(&0) => Err(Error::EmailTaken),
        // An identifier that somebody has already: the next attempt draws others.
        Err(Cancelled(_)) => Err(Error::Store(StoreError::Contended)),
    }
}
