//! `POST /auth/refresh` gives the next pair of tokens for a refresh token.
//!
//! Each refresh token is good once. Its session counts; a token that is one behind within seconds
//! is a lost answer or a second tab and gets the current pair, anything older is a stolen copy and
//! ends the session.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::mail::Mail;
use shared::problem::{Kind, Problem, Violation};
use shared::session::{RefreshVerdict, Session};
use shared::table::StoreError;
use shared::token::RefreshToken;

use crate::Auth;
use crate::account::Account;
use crate::sign_in::{taken_away, tell};
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "RefreshRequest", deny_unknown_fields)]
pub(crate) struct Request {
    #[schemars(with = "String")]
    refresh_token: Text,
}

/// What came as a refresh token. Any text: one that is none of ours is refused as such.
struct Text(String);

impl FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { refresh_token: fields.text("refresh_token")? })
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    /// Callers do not learn why, a thief least of all.
    #[error("the refresh token is unknown, expired, used up or revoked")]
    NotAccepted,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotAccepted => Self::because(Kind::InvalidRefreshToken, error),
            Error::Store(error) => error.into(),
        }
    }
}

pub(crate) fn operation() -> Operation {
    let pair = SignedIn::example();
    Operation::new("refresh", "Get the next pair of tokens for a refresh token")
        .takes::<Request>(json!({ "refresh_token": pair["refresh_token"] }))
        .answers::<SignedIn>(200, "The next pair. The refresh token that was sent is used up.", pair)
        .fails(&[Kind::InvalidRefreshToken])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    let (session, account) = refresh(&auth, &origin, &request.refresh_token).await?;
    Ok(NoStore(Json(SignedIn::issue(&auth.core, &session, account).await?)))
}

async fn refresh(auth: &Auth, origin: &Origin, text: &Text) -> Result<(Session, Account), Error> {
    let core = &auth.core;
    let token = genuine(core, text).await.ok_or(Error::NotAccepted)?;
    let session = next(auth, origin, token).await?;
    let who = (session.user, session.epoch);
    match Account::find(&core.table, who, session.org).await? {
        // Another password, a log-out everywhere, or a person who may not sign in.
        None => {
            core.table.delete_sessions(session.user, &[session.id]).await?;
            Err(Error::NotAccepted)
        }
        // Whoever was removed from the organisation goes on in none: which other one they mean is
        // theirs to say.
        Some(account @ Account { membership: None, .. }) if session.org.is_some() => {
            let alone = Session { org: None, ..session.clone() };
            core.table.move_session(&session, &alone).await?;
            Ok((alone, account))
        }
        Some(account) => Ok((session, account)),
    }
}

/// The token, if we made it. It does not name its key: where none at hand made it, there may be a
/// newer one.
async fn genuine(core: &Core, text: &Text) -> Option<RefreshToken> {
    let ring = core.keys.ring().await;
    if let Some(token) = RefreshToken::parse(&text.0, &ring) {
        return Some(token);
    }
    let ring = core.keys.ring_again().await;
    RefreshToken::parse(&text.0, &ring)
}

/// The session that the token leads to, counted on or as another refresh just left it.
async fn next(auth: &Auth, origin: &Origin, token: RefreshToken) -> Result<Session, Error> {
    let RefreshToken { user, session, counter } = token;
    let core = &auth.core;
    let now = core.clock.now();
    let session = match core.table.refresh_session(user, session, counter, now).await? {
        Ok(session) => return Ok(session),
        Err(session) => session.ok_or(Error::NotAccepted)?,
    };
    match session.verdict(counter, now) {
        RefreshVerdict::Again => Ok(session),
        RefreshVerdict::Expired => Err(Error::NotAccepted),
        RefreshVerdict::Stolen => {
            end(auth, origin, &session).await?;
            Err(Error::NotAccepted)
        }
    }
}

/// The person and the thief cannot be told apart: neither goes on, and the person is told.
async fn end(auth: &Auth, origin: &Origin, session: &Session) -> Result<(), StoreError> {
    let (id, user) = (session.id.to_string(), session.user.to_string());
    tracing::warn!(session.id = id, user.id = user, "a used-up refresh token came back: its session ends");
    let (table, now) = (&auth.core.table, auth.core.clock.now());
    let entry = origin.entry(Action::SessionStolen, Actor::Nobody, now).on(session.id);
    let ended =
        taken_away(table, session.org, entry, || table.transaction().end_session(session.user, session.id));
    // Refused when another copy of the token was here first.
    if ended.await?.is_ok() {
        tell(auth, Mail::SessionStolen { user: session.user }).await;
    }
    Ok(())
}
