//! `POST /auth/login` signs a person in.
//!
//! An unknown address and a wrong password are one answer, after the same work: one read, one hash.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::entropy::NoEntropy;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::id::SessionId;
use shared::problem::{Kind, Problem};
use shared::session::{Device, Session};
use shared::table::StoreError;
use shared::user::{Email, Login};

use crate::Auth;
use crate::account::Account;
use crate::hasher::{HashError, Verdict};
use crate::password::Password;
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "LoginRequest", deny_unknown_fields)]
pub(crate) struct Request {
    email: Email,
    password: Password,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (email, password) = (fields.text("email"), fields.text("password"));
        Some(Self { email: email?, password: password? })
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    /// Also for a person who is locked out, or is gone since the first read.
    #[error("no account has this e-mail address and this password")]
    NotAccepted,
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
            Error::NotAccepted => Self::because(Kind::InvalidCredentials, error),
            Error::Hash(error) => error.into(),
            Error::Entropy(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("login", "Signs a person in.")
        .takes::<Request>(json!({ "email": "ada@example.com", "password": "correct horse battery staple" }))
        .answers::<SignedIn>(200, "The person is signed in.", SignedIn::example())
        .fails(&[Kind::InvalidCredentials])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    let (session, account) = sign_in(&auth, request).await?;
    Ok(NoStore(Json(SignedIn::issue(&auth.core, &session, account).await?)))
}

async fn sign_in(auth: &Auth, request: Request) -> Result<(Session, Account), Error> {
    let Request { email, password } = request;
    let table = &auth.core.table;
    let login = table.login(&email).await?;
    let stored = login.as_ref().map(|login| login.password_hash.as_str());
    let verdict = auth.hasher.verify(&password, stored).await?;
    let Some(login) = login else { return Err(Error::NotAccepted) };
    match verdict {
        Verdict::Wrong => return Err(Error::NotAccepted),
        Verdict::Right => {}
        Verdict::RightButWeak => strengthen(auth, &email, &password, &login).await?,
    }

    // The epoch is the one that was read with the password: where it was changed meanwhile, no session
    // begins.
    let who = (login.user, login.epoch);
    let account = Account::find_anywhere(table, who, login.organization).await?.ok_or(Error::NotAccepted)?;
    let now = auth.core.clock.now();
    let id = SessionId::new(now, &auth.core.entropy)?;
    let session = Session::begin(id, who, account.org(), Device::default(), now);
    table.put_session(&session).await?;
    Ok((session, account))
}

/// The password is at hand only now, so a hash of weaker days is replaced now. Where the password
/// was changed meanwhile, the new one stays.
async fn strengthen(auth: &Auth, email: &Email, password: &Password, login: &Login) -> Result<(), Error> {
    let hash = auth.hasher.hash(password).await?;
    auth.core.table.rewrite_password_hash(email, &login.password_hash, &hash).await?;
    Ok(())
}
