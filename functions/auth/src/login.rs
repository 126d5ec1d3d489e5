//! `POST /auth/login` signs a person in, or asks for their second factor.
//!
//! An unknown address, a wrong password and an account that is locked out are one answer, after the
//! same time. The attempt is counted as failed before anything is looked up.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::limit::{Guard, Window};
use shared::principal::Person;
use shared::problem::{Kind, Problem, Violation};
use shared::user::{Email, Login};

use crate::Auth;
use crate::account::Account;
use crate::hasher::Verdict;
use crate::password::Password;
use crate::second_factor::Challenge;
use crate::sign_in::sign_in;
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

/// Callers do not learn which: not even that the account exists.
fn not_accepted() -> Problem {
    Problem::because(Kind::InvalidCredentials, "no account has this e-mail address and this password")
}

pub(crate) fn operation() -> Operation {
    Operation::new("login", "Sign in, or learn that a second factor is needed")
        .takes::<Request>(json!({ "email": "ada@example.com", "password": "correct horse battery staple" }))
        .answers::<SignedIn>(200, "The person is signed in.", SignedIn::example())
        .fails(&[Kind::InvalidCredentials, Kind::MfaRequired, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    let signed_in = auth.passwords.level.failures(log_in(&auth, &origin, request)).await?;
    Ok(NoStore(Json(signed_in)))
}

async fn log_in(auth: &Auth, origin: &Origin, request: Request) -> Result<SignedIn, Problem> {
    let Request { email, password } = request;
    let (core, now) = (&auth.core, auth.core.clock.now());
    auth.core.limiter.take(Window::LOGINS, &origin.address.subject(), now).await?.or_refuse()?;
    let ticket = auth.core.limiter.attempt(Guard::PASSWORDS, &email.digest(), now).await?.or_refuse()?;

    let login = core.table.login(&email).await?;
    let stored = login.as_ref().map(|login| login.password_hash.as_str());
    let verdict = auth.hasher.verify(&password, stored).await?;
    let Some(login) = login else { return Err(not_accepted()) };
    match verdict {
        Verdict::Wrong => {
            record_failure(auth, origin, &login).await;
            return Err(not_accepted());
        }
        Verdict::Right => {}
        Verdict::RightButWeak => strengthen(auth, &email, &password, &login).await?,
    }
    // The epoch is the one that was read with the password: where that was changed meanwhile, no
    // session begins.
    let who = (login.user, login.epoch);
    let account = Account::find_anywhere(&core.table, who, login.organization).await?;
    let account = account.ok_or_else(not_accepted)?;
    auth.core.limiter.succeeded(ticket).await?;
    if account.user.mfa_enabled {
        let challenge = Challenge::new(&account, &core.entropy, now)?;
        let challenge = Some(challenge.reveal(&*core.keys.ring().await).into());
        return Err(Problem { challenge, ..Problem::of(Kind::MfaRequired) });
    }
    sign_in(auth, account, origin, Action::UserLoggedIn).await
}

/// Nothing depends on it, and the answer must not: with a busy log it would tell that there is an account.
async fn record_failure(auth: &Auth, origin: &Origin, login: &Login) {
    let table = &auth.core.table;
    match Account::home(table, login.user, login.organization).await {
        Ok(Some(org)) => {
            let now = auth.core.clock.now();
            let entry = origin.entry(Action::UserLoginFailed, Actor::Nobody, now).on(login.user);
            table.note_audit(org, &entry.failed()).await;
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "a failed login is not on record"),
    }
}

/// The password is at hand only now, so a hash of weaker days is replaced now. Where the password
/// was changed meanwhile, the new one stays.
async fn strengthen(auth: &Auth, email: &Email, password: &Password, login: &Login) -> Result<(), Problem> {
    let hash = auth.hasher.hash(password).await?;
    auth.core.table.rewrite_password_hash(email, &login.password_hash, &hash).await?;
    Ok(())
}

/// Asks for the password of somebody who is signed in, for what a stolen session must not do. Counted
/// with the attempts to log in, so that it is no way around them.
pub(crate) async fn confirm(
    auth: &Auth,
    (asker, origin): (Person, &Origin),
    email: &Email,
    password: &Password,
    field: &str,
) -> Result<Login, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let ticket = auth.core.limiter.attempt(Guard::PASSWORDS, &email.digest(), now).await?.or_refuse()?;
    let login = core.table.login(email).await?;
    let stored = login.as_ref().map(|login| login.password_hash.as_str());
    match (auth.hasher.verify(password, stored).await?, login) {
        (Verdict::Right | Verdict::RightButWeak, Some(login)) => {
            auth.core.limiter.succeeded(ticket).await?;
            Ok(login)
        }
        (Verdict::Wrong | Verdict::Right | Verdict::RightButWeak, _) => {
            if let Some(org) = asker.org {
                let entry = origin.entry(Action::PasswordRefused, Actor::User(asker.user), now);
                core.table.note_audit(org, &entry.on(asker.user).failed()).await;
            }
            let violation = Violation::new("wrong_password", "is not your password");
            Err(Problem::field(field, violation))
        }
    }
}
