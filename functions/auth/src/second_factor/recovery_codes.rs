//! `POST /auth/mfa/recovery-codes` makes new recovery codes; those before are worth nothing then.

use axum::Json;
use axum::extract::State;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Json as Body, NoStore, Operation};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use super::confirm::{Answer, recovery_codes};
use super::disable::Request;
use super::recovery::RecoveryCode;
use super::show::shown_by;
use crate::Auth;
use crate::login::confirm;
use crate::me::read::person;
use crate::sign_in::audited;

pub(crate) fn operation() -> Operation {
    Operation::new("replaceRecoveryCodes", "Make new recovery codes")
        .takes::<Request>(Request::example())
        .answers::<Answer>(200, "The codes, shown this once", Answer::example())
        .fails(&[Kind::InvalidCode, Kind::MfaState, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let off = || Problem::because(Kind::MfaState, "it is off");
    let user = person(core, asker).await?;
    confirm(&auth, (asker, &origin), &user.email, &request.password, "/password").await?;
    if !user.mfa_enabled {
        return Err(off());
    }
    shown_by(&auth, (asker, &origin), &user, Some(&request.code)).await?;
    let codes = recovery_codes(&core.entropy)?;
    let digests: Vec<_> = codes.iter().map(RecoveryCode::digest).collect();
    let entry = origin.entry(Action::MfaRecoveryCodesReplaced, Actor::User(user.id), now).on(user.id);
    let written = audited(&core.table, asker.org, [entry], || {
        core.table.transaction().replace_recovery_codes(user.id, &digests)
    });
    written.await?.map_err(|Cancelled(_)| off())?;
    Ok(NoStore(Json(Answer::new(&codes))))
}
