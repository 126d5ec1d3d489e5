//! `POST /auth/mfa/challenge` signs in whoever has shown the password and now shows the second factor.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::limit::Guard;
use shared::problem::{Kind, Problem};

use super::Challenge;
use super::show::{Code, shown};
use crate::Auth;
use crate::account::Account;
use crate::invited::TokenText;
use crate::sign_in::sign_in;
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "MfaChallenge", deny_unknown_fields)]
pub(crate) struct Request {
    /// Of the problem `mfa_required`.
    #[schemars(with = "String")]
    challenge: TokenText,
    /// A code of the authenticator, or a recovery code.
    #[schemars(with = "String")]
    code: Code,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (challenge, code) = (fields.text("challenge"), fields.text("code"));
        Some(Self { challenge: challenge?, code: code? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("answerMfaChallenge", "Show the second factor, and be signed in")
        .takes::<Request>(json!({ "challenge": "AQGbfxuQAAA4CDgOA4DgOAcBm38bkAAA", "code": "287082" }))
        .answers::<SignedIn>(200, "The person is signed in.", SignedIn::example())
        .fails(&[Kind::InvalidCode, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: Request { challenge, code }, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    let over = || Problem::because(Kind::InvalidCode, "the challenge is over: log in again");
    let (core, now) = (&auth.core, auth.core.clock.now());
    auth.core
        .limiter
        .take(shared::limit::Window::LOGINS, &origin.address.subject(), now)
        .await?
        .or_refuse()?;
    let challenge = match Challenge::parse(&challenge.0, &*core.keys.ring().await, now) {
        Some(challenge) => challenge,
        // It does not name its key: there may be a newer one than those at hand.
        None => Challenge::parse(&challenge.0, &*core.keys.ring_again().await, now).ok_or_else(over)?,
    };
    auth.core.limiter.attempt(Guard::CHALLENGE, &challenge.subject(), now).await?.or_refuse()?;
    let who = (challenge.user, challenge.epoch);
    let account = Account::find_anywhere(&core.table, who, challenge.org).await?.ok_or_else(over)?;
    if let Err(refused) = shown(&auth, &account.user, Some(&code)).await {
        if let (Some(org), Kind::InvalidCode) = (account.org(), refused.kind) {
            let user = account.user.id;
            let entry = origin.entry(Action::MfaChallenged, Actor::User(user), now).on(user);
            core.table.note_audit(org, &entry.failed()).await;
        }
        return Err(refused);
    }
    Ok(NoStore(Json(sign_in(&auth, account, &origin, Action::MfaChallenged).await?)))
}
