//! `POST /oauth/introspect` tells whether a token or key of the caller's organisation is good at this moment
//! (RFC 7662). It counts nothing: that is what `verify` is for.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::api_key::Secret;
use shared::context::Core;
use shared::http::{NoStore, Operation};
use shared::id::OrgId;
use shared::organization::OrganizationStatus;
use shared::principal::{Identity, Principal, Refused, recognise};
use shared::token::{AccessClaims, KeyAccessClaims, KeyToken, kid_of};

use super::form::{Code, ErrorBody, Form, OAuthError};

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "IntrospectionRequest")]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    /// An access token or the text of a key.
    token: String,
    /// What you take it for; it makes no difference.
    token_type_hint: Option<String>,
}

/// What is known of it: nothing but that it is not, when it is not.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "IntrospectionResponse")]
pub(crate) struct Answer {
    /// Whether it is good.
    active: bool,
    /// What it may do at this moment, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The key, where it is a key or was exchanged for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer` for an access token, `api_key` for a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// When it ends, in seconds since 1970, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Whose it is: a person or a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// Whose organisation's it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<OrgId>,
}

pub(crate) fn operation() -> Operation {
    Operation::new("introspectToken", "Tell whether a token or key of your organisation is good")
        .takes_form::<Described>(json!({ "token": "eyJ0eXAiOiJhdCtqd3Qi…" }))
        .answers::<Answer>(
            200,
            "What is known of it; only `active: false` of what is not good or not yours",
            json!({
                "active": true,
                "scope": "events:write",
                "client_id": "key_01kdvdna000w3ge1r70w3ge1r7",
                "token_type": "Bearer",
                "exp": 1_767_225_900,
                "iat": 1_767_225_600,
                "sub": "key_01kdvdna000w3ge1r70w3ge1r7",
                "iss": "https://api.example.com",
                "jti": "8e0f2b6f7c1d4d1f9a3b5c7d9e1f2a3b",
                "organization_id": "org_01kdvdna000w3ge1r70w3ge1r7",
            }),
        )
        .answers::<ErrorBody>(
            400,
            "The request cannot be used",
            ErrorBody::example(Code::InvalidRequest, "`token` is missing"),
        )
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    form: Form,
) -> Result<NoStore<Json<Answer>>, OAuthError> {
    let token = form.need("token")?;
    let principal = match recognise(&core, token, None).await {
        Ok(Identity::Principal(principal)) if principal.org() == caller.org() => principal,
        Err(refused @ Refused::Store(_)) => return Err(OAuthError::Problem(refused.into())),
        Ok(_) | Err(_) => return Ok(NoStore(Json(Answer::default()))),
    };
    if principal.status() != OrganizationStatus::Active {
        return Ok(NoStore(Json(Answer::default())));
    }
    Ok(NoStore(Json(describe(&core, token, &principal).await?)))
}

async fn describe(core: &Core, token: &str, principal: &Principal) -> Result<Answer, OAuthError> {
    let client_id = match principal {
        Principal::Session { .. } => None,
        Principal::ApiKey { key, .. } => Some(key.to_string()),
    };
    let known = Answer {
        active: true,
        scope: Some(principal.effective_scopes().joined()),
        client_id,
        sub: Some(principal.actor().to_string()),
        iss: Some(core.issuer.to_string()),
        organization_id: Some(principal.org()),
        ..Answer::default()
    };
    if let Some(key) = KeyToken::parse(token) {
        let now = core.clock.now();
        let stored = core.key_of(&key).await?;
        let end = stored.and_then(|stored| match stored.secret(&key, now)? {
            Secret::Current => stored.key.expires_at,
            Secret::Previous => stored.key.previous_expires_at,
        });
        let exp = end.map(shared::clock::Timestamp::seconds);
        let iat = Some(key.id().made_at().seconds());
        return Ok(Answer { token_type: Some("api_key"), exp, iat, ..known });
    }
    let ring = core.keys.ring_with(&kid_of(token).unwrap_or_default()).await;
    let (now, issuer) = (core.clock.now(), &*core.issuer);
    let said = AccessClaims::verify(token, &ring, issuer, now)
        .map(|claims| (claims.iat, claims.exp, claims.jti))
        .or_else(|_| {
            KeyAccessClaims::verify(token, &ring, issuer, now)
                .map(|claims| (claims.iat, claims.exp, claims.jti))
        });
    Ok(match said {
        Ok((iat, exp, jti)) => {
            let (iat, exp, jti) = (Some(iat), Some(exp), Some(jti));
            Answer { token_type: Some("Bearer"), iat, exp, jti, ..known }
        }
        // Its time ended while it was looked up.
        Err(_) => Answer::default(),
    })
}
