//! `DELETE /auth/mfa/totp` switches the second factor off, for whoever shows password and factor.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::mail::Mail;
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::show::{Code, shown_by};
use crate::Auth;
use crate::login::confirm;
use crate::me::read::person;
use crate::password::Password;
use crate::sign_in::{audited, tell};

#[derive(JsonSchema)]
#[schemars(rename = "ShowBothFactors", deny_unknown_fields)]
pub(crate) struct Request {
    pub(super) password: Password,
    /// A code of the authenticator, or a recovery code.
    #[schemars(with = "String")]
    pub(super) code: Code,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (password, code) = (fields.text("password"), fields.text("code"));
        Some(Self { password: password?, code: code? })
    }
}

impl Request {
    pub(super) fn example() -> serde_json::Value {
        json!({ "password": "correct horse battery staple", "code": "287082" })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("disableTotp", "Switch the second factor off")
        .takes::<Request>(Request::example())
        .answers_empty(204, "It is off.")
        .fails(&[Kind::InvalidCode, Kind::MfaState, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<StatusCode, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let off = || Problem::because(Kind::MfaState, "it is off already");
    let user = person(core, asker).await?;
    confirm(&auth, (asker, &origin), &user.email, &request.password, "/password").await?;
    if !user.mfa_enabled {
        return Err(off());
    }
    shown_by(&auth, (asker, &origin), &user, Some(&request.code)).await?;
    let entry = origin.entry(Action::MfaDisabled, Actor::User(user.id), now).on(user.id);
    let written = audited(&core.table, asker.org, [entry], || {
        core.table.transaction().delete_factor(user.id)?.set_mfa(user.id, false)
    });
    written.await?.map_err(|Cancelled(_)| off())?;
    tell(&auth, Mail::SecondFactorChanged { user: user.id, enabled: false }).await;
    Ok(StatusCode::NO_CONTENT)
}
