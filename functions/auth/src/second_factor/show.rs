//! Whether a second factor that somebody shows is theirs. Counted before it is looked at: ten wrong ones
//! in a row, of whatever kind, lock it for a quarter of an hour.

use std::str::FromStr;

use shared::audit::{Action, Actor, Origin};
use shared::factor::Factor;
use shared::limit::Guard;
use shared::principal::Person;
use shared::problem::{Kind, Problem, Violation};
use shared::secret::Purpose;
use shared::user::User;

use super::recovery::RecoveryCode;
use super::totp::TotpSecret;
use crate::Auth;

/// What came as a code. Any text: one that is none is refused as such.
pub(crate) struct Code(String);

impl FromStr for Code {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

fn not_accepted() -> Problem {
    Problem::because(Kind::InvalidCode, "it is wrong, or was used before")
}

/// Accepts a code of the person's second factor, once, or refuses it.
pub(crate) async fn shown(auth: &Auth, user: &User, code: Option<&Code>) -> Result<(), Problem> {
    let Some(code) = code else {
        let violation = Violation::new("required", "is required: your second factor is on");
        return Err(Problem::field("/code", violation));
    };
    let now = auth.core.clock.now();
    let ticket = auth.core.limiter.attempt(Guard::FACTORS, &user.id.to_string(), now).await?.or_refuse()?;
    let factor = auth.core.table.factor(user.id).await?.filter(Factor::is_confirmed);
    let factor = factor.ok_or_else(not_accepted)?;
    if !accept(auth, user, &factor, code).await? {
        return Err(not_accepted());
    }
    auth.core.limiter.succeeded(ticket).await?;
    Ok(())
}

/// The same of somebody who is signed in: what is refused is on record.
pub(crate) async fn shown_by(
    auth: &Auth,
    (asker, origin): (Person, &Origin),
    user: &User,
    code: Option<&Code>,
) -> Result<(), Problem> {
    let shown = shown(auth, user, code).await;
    if let (Err(Problem { kind: Kind::InvalidCode, .. }), Some(org)) = (&shown, asker.org) {
        let now = auth.core.clock.now();
        let entry = origin.entry(Action::MfaChallenged, Actor::User(user.id), now).on(user.id);
        auth.core.table.note_audit(org, &entry.failed()).await;
    }
    shown
}

async fn accept(auth: &Auth, user: &User, factor: &Factor, code: &Code) -> Result<bool, Problem> {
    let table = &auth.core.table;
    if let Some(code) = RecoveryCode::parse(&code.0) {
        return Ok(table.use_recovery_code(user.id, &code.digest()).await?);
    }
    let Some(step) = step_of(auth, user, factor, code).await? else { return Ok(false) };
    Ok(table.use_step(user.id, step).await?)
}

/// The step that a code of the authenticator is of.
pub(super) async fn step_of(
    auth: &Auth,
    user: &User,
    factor: &Factor,
    Code(code): &Code,
) -> Result<Option<i64>, Problem> {
    let owner = user.id.to_string();
    let ring = match factor.secret.kid() {
        Some(kid) => auth.core.keys.ring_with(kid).await,
        None => auth.core.keys.ring().await,
    };
    let secret = factor.secret.open(&ring, Purpose::FactorSecret, &owner);
    let secret = TotpSecret::from_bytes(secret.map_err(|error| Problem::internal(&error))?);
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(secret.step_of(&digits, auth.core.clock.now()))
}
