//! `POST /auth/mfa/totp/confirm` shows a code of the new authenticator: the second factor is on, and the
//! recovery codes are shown, this once.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::audit::{Action, Actor, Origin};
use shared::entropy::{Entropy, NoEntropy};
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::limit::Guard;
use shared::mail::Mail;
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::recovery::RecoveryCode;
use super::show::{Code, step_of};
use crate::Auth;
use crate::me::read::person;
use crate::sign_in::{audited, tell};

#[derive(JsonSchema)]
#[schemars(rename = "ConfirmTotp", deny_unknown_fields)]
pub(crate) struct Request {
    /// A code of the authenticator.
    #[schemars(with = "String")]
    code: Code,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { code: fields.text("code")? })
    }
}

/// For whoever loses the authenticator, in this answer only. Each is good once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub(crate) struct Answer {
    recovery_codes: Vec<String>,
}

impl Answer {
    pub(super) fn new(codes: &[RecoveryCode]) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::reveal_once).collect() }
    }

    pub(super) fn example() -> Value {
        json!({ "recovery_codes": ["7c4q-x0fm-2v9k-r8tn"] })
    }
}

/// New recovery codes.
pub(super) fn recovery_codes(entropy: &Entropy) -> Result<Vec<RecoveryCode>, NoEntropy> {
    (0..RecoveryCode::HOW_MANY).map(|_| RecoveryCode::generate(entropy)).collect()
}

pub(crate) fn operation() -> Operation {
    Operation::new("confirmTotp", "Switch the second factor on")
        .takes::<Request>(json!({ "code": "287082" }))
        .answers::<Answer>(200, "It is on. The recovery codes are shown this once.", Answer::example())
        .fails(&[Kind::InvalidCode, Kind::MfaState, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let nothing = || Problem::because(Kind::MfaState, "nothing was begun, or it is on already");
    let user = person(core, asker).await?;
    let subject = user.id.to_string();
    let ticket = auth.core.limiter.attempt(Guard::FACTORS, &subject, now).await?.or_refuse()?;
    let factor = core.table.factor(user.id).await?.filter(|factor| factor.is_pending(now));
    let factor = factor.ok_or_else(nothing)?;
    let Some(step) = step_of(&auth, &user, &factor, &request.code).await? else {
        return Err(Problem::because(Kind::InvalidCode, "it is no code of the secret that was shown"));
    };
    let codes = recovery_codes(&core.entropy)?;
    let digests: Vec<_> = codes.iter().map(RecoveryCode::digest).collect();
    let entry = origin.entry(Action::MfaEnabled, Actor::User(user.id), now).on(user.id);
    let written = audited(&core.table, asker.org, [entry], || {
        core.table.transaction().confirm_factor(&factor, step, &digests, now)?.set_mfa(user.id, true)
    });
    written.await?.map_err(|Cancelled(_)| nothing())?;
    auth.core.limiter.succeeded(ticket).await?;
    tell(&auth, Mail::SecondFactorChanged { user: user.id, enabled: true }).await;
    Ok(NoStore(Json(Answer::new(&codes))))
}
