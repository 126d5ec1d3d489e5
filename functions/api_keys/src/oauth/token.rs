//! `POST /oauth/token` exchanges a key for an access token that is good for five minutes (RFC 6749, 4.4):
//! for programs that would rather not send the key with every call.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::context::Core;
use shared::http::{ClientAddress, NoStore, Operation};
use shared::id::ApiKeyId;
use shared::organization::OrganizationStatus;
use shared::principal::{Identity, Principal, Refused, admit, recognise};
use shared::problem::{Kind, Problem};
use shared::scope::{Scope, Scopes};
use shared::token::{KEY_ACCESS_TOKEN_SECONDS, KeyAccessClaims, KeyToken};

use super::form::{Code, ErrorBody, Form, OAuthError};

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "TokenRequest")]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    /// Always `client_credentials`.
    grant_type: String,
    /// The key's identifier, unless `Authorization: Basic` has it.
    client_id: Option<ApiKeyId>,
    /// The key's text, unless `Authorization: Basic` has it.
    client_secret: Option<String>,
    /// What the token may do, separated by spaces; all that the key may, if not given.
    scope: Option<String>,
}

/// A token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenResponse")]
pub(crate) struct Answer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    /// What it may do, separated by spaces.
    scope: String,
}

pub(crate) fn operation() -> Operation {
    let refused = ErrorBody::example(Code::InvalidScope, "the key does not hold `events:write`");
    let unknown = ErrorBody::example(Code::InvalidClient, "the key is unknown, expired or revoked");
    Operation::new("exchangeApiKey", "Exchange a key for an access token that is good for five minutes")
        .takes_form::<Described>(json!({
            "grant_type": "client_credentials",
            "client_id": "key_01kdvdna000w3ge1r70w3ge1r7",
            "client_secret": "aif_live_…",
        }))
        .answers::<Answer>(
            200,
            "The token",
            json!({
                "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.…",
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "events:write",
            }),
        )
        .answers::<ErrorBody>(400, "The request cannot be used", refused)
        .answers::<ErrorBody>(401, "The key is not accepted", unknown)
        .fails(&[Kind::AddressNotAllowed, Kind::RateLimited, Kind::QuotaExceeded])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    address: ClientAddress,
    form: Form,
) -> Result<NoStore<Json<Answer>>, OAuthError> {
    if form.need("grant_type")? != "client_credentials" {
        let why = "the only grant is `client_credentials`".to_owned();
        return Err(OAuthError::Told(Code::UnsupportedGrantType, why));
    }
    let (client, secret) = form.client()?;
    let named: Option<ApiKeyId> = client.parse().ok();
    let token = KeyToken::parse(secret).filter(|token| named == Some(token.id()));
    let token = token.ok_or_else(OAuthError::invalid_client)?;
    let principal = match recognise(&core, secret, Some(&address)).await {
        Ok(Identity::Principal(principal)) => principal,
        Ok(Identity::Alone(_)) | Err(Refused::Missing | Refused::NotAccepted) => {
            return Err(OAuthError::invalid_client());
        }
        Err(refused) => return Err(OAuthError::Problem(refused.into())),
    };
    let Principal::ApiKey { org, status: OrganizationStatus::Active, .. } = principal else {
        return Err(OAuthError::invalid_client());
    };
    let scopes = granted(&principal.effective_scopes(), form.get("scope"))?;
    admit(&core, &principal).await?;
    let jti = format!("{:032x}", u128::from_le_bytes(core.entropy.bytes().map_err(Problem::from)?));
    let claims = KeyAccessClaims::new(&core.issuer, (org, &token), &scopes, core.clock.now(), jti);
    let access_token = claims.sign(&*core.keys.ring().await).map_err(|error| Problem::internal(&error))?;
    let (token_type, expires_in, scope) = ("Bearer", KEY_ACCESS_TOKEN_SECONDS, claims.scope);
    Ok(NoStore(Json(Answer { access_token, token_type, expires_in, scope })))
}

/// What is asked for, if the key holds it; all that it holds, if nothing is.
fn granted(held: &Scopes, asked: Option<&str>) -> Result<Scopes, OAuthError> {
    let refuse = |why: String| Err(OAuthError::Told(Code::InvalidScope, why));
    let mut scopes = Vec::new();
    for name in asked.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
        match name.parse::<Scope>() {
            Ok(scope) if held.holds(scope) => scopes.push(scope),
            _ => {
                return refuse(format!(
                    "the key does not hold `{}`",
                    name.chars().take(64).collect::<String>()
                ));
            }
        }
    }
    let scopes: Scopes = if scopes.is_empty() { held.clone() } else { scopes.into_iter().collect() };
    if scopes.iter().next().is_none() {
        return refuse("nothing is left of what the key may do".to_owned());
    }
    Ok(scopes)
}
