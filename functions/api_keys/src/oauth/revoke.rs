//! `POST /oauth/revoke` takes away a token or a key from whoever has it (RFC 7009). Having it is all that is
//! asked for: it only ever takes away.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Entry, Origin};
use shared::context::Core;
use shared::http::Operation;
use shared::id::{OrgId, SessionId, UserId};
use shared::limit::Window;
use shared::operational::{Operational, OperationalKind};
use shared::problem::Kind;
use shared::table::{StoreError, Transaction};
use shared::token::{AccessClaims, KeyAccessClaims, KeyToken, RefreshToken, kid_of};

use super::form::{Code, ErrorBody, Form, OAuthError};

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "RevocationRequest")]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    /// A refresh token, an access token of a person, or the text of a key.
    token: String,
    /// What you take it for; it makes no difference.
    token_type_hint: Option<String>,
}

pub(crate) fn operation() -> Operation {
    let unsupported = "the token of a key ends with its five minutes, or with its key";
    Operation::new("revokeToken", "Take away a token or a key that you have")
        .takes_form::<Described>(json!({ "token": "rt_AQEBm38bkAAAOAg4DgOA4DgHAAAAAA" }))
        .answers_empty(200, "It is not accepted any more within five seconds, or was not before")
        .answers::<ErrorBody>(
            400,
            "It cannot be taken away alone",
            ErrorBody::example(Code::UnsupportedTokenType, unsupported),
        )
        .fails(&[Kind::RateLimited])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    origin: Origin,
    form: Form,
) -> Result<StatusCode, OAuthError> {
    let token = form.need("token")?;
    let now = core.clock.now();
    core.limiter.take(Window::REVOCATIONS, &origin.address.subject(), now).await?.or_refuse()?;
    if let Some(key) = KeyToken::parse(token) {
        revoke_key(&core, &operational, &origin, &key).await?;
    } else if let Some(refresh) = genuine(&core, token).await {
        end_session(&core, &origin, refresh.user, refresh.session).await?;
    } else if let Some(kid) = kid_of(token) {
        let ring = core.keys.ring_with(&kid).await;
        if let Ok(claims) = AccessClaims::verify(token, &ring, &core.issuer, now) {
            end_session(&core, &origin, claims.sub, claims.sid).await?;
        } else if KeyAccessClaims::verify(token, &ring, &core.issuer, now).is_ok() {
            let why = "the token of a key ends with its five minutes, or with its key".to_owned();
            return Err(OAuthError::Told(Code::UnsupportedTokenType, why));
        }
    }
    // What is no token of ours is not accepted either (2.2).
    Ok(StatusCode::OK)
}

/// It does not name its key: where none at hand made it, there may be a newer one.
async fn genuine(core: &Core, token: &str) -> Option<RefreshToken> {
    if !token.starts_with(RefreshToken::PREFIX) {
        return None;
    }
    match RefreshToken::parse(token, &*core.keys.ring().await) {
        Some(known) => Some(known),
        None => RefreshToken::parse(token, &*core.keys.ring_again().await),
    }
}

async fn revoke_key(
    core: &Core,
    operational: &Operational,
    origin: &Origin,
    token: &KeyToken,
) -> Result<(), StoreError> {
    let (table, now) = (&core.table, core.clock.now());
    let found = table.stored_key(token.id()).await?;
    let Some(stored) = found.filter(|stored| stored.secret(token, now).is_some()) else { return Ok(()) };
    let (org, id) = (stored.key.org, stored.key.id);
    let entry = origin.entry(Action::ApiKeyRevoked, Actor::ApiKey(id), now).on(id);
    let told = json!({ "id": id, "revoked_at": now });
    let event = operational.prepare(org, OperationalKind::ApiKeyRevoked, None, told).await?;
    let build = || table.transaction().revoke_api_key(org, id, now)?.tell(event.as_ref());
    // Refused means that it was taken away before.
    if table.commit_urgent(org, &[entry], build).await?.is_ok() {
        operational.dispatch(event).await;
    }
    Ok(())
}

async fn end_session(
    core: &Core,
    origin: &Origin,
    user: UserId,
    session: SessionId,
) -> Result<(), StoreError> {
    let (table, now) = (&core.table, core.clock.now());
    let Some(found) = table.session(user, session).await? else { return Ok(()) };
    let entry = origin.entry(Action::SessionRevoked, Actor::User(user), now).on(session);
    record(core, found.org, entry, || table.transaction().end_session(user, session)).await
}

/// Commits what takes something away, with its record where there is an organisation to keep it. Refused
/// means that it was taken away before.
async fn record<'a>(
    core: &'a Core,
    org: Option<OrgId>,
    entry: Entry,
    build: impl Fn() -> Result<Transaction<'a>, StoreError>,
) -> Result<(), StoreError> {
    match org {
        Some(org) => core.table.commit_urgent(org, &[entry], build).await.map(drop),
        None => build()?.commit().await.map(drop),
    }
}
