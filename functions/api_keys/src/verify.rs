//! `POST /api/api-keys/verify` tells whether a key of the caller's organisation is accepted. It is
//! what a product calls when it is called with a key.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::api_key::KeyStatus;
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::id::{ApiKeyId, OrgId};
use shared::organization::OrganizationStatus;
use shared::principal::Principal;
use shared::problem::{Problem, Violation};
use shared::scope::{Scope, Scopes};
use shared::standing::Standing;
use shared::table::StoreError;
use shared::token::KeyToken;

#[derive(JsonSchema)]
#[schemars(rename = "VerifyApiKey")]
pub(crate) struct Request {
    /// The text of the key.
    key: String,
    /// What it has to be allowed to do.
    #[schemars(default)]
    scopes: Vec<Scope>,
}

struct Text(String);

impl std::str::FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (key, scopes) = (fields.text("key"), fields.texts("scopes", Scope::ALL.len()));
        let Text(key) = key?;
        Some(Self { key, scopes })
    }
}

/// Why a key is accepted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "VerifyCode")]
pub(crate) enum Code {
    /// It is accepted.
    Valid,
    /// There is none, or it is another organisation's.
    NotFound,
    /// It was revoked.
    Disabled,
    /// Its time is over.
    Expired,
    /// It does not hold every scope that was asked for.
    InsufficientScope,
}

/// The verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VerifiedApiKey")]
pub(crate) struct Answer {
    /// Whether to let the call through.
    valid: bool,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<ApiKeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<OrgId>,
    /// What the key may do at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
}

impl Answer {
    fn not_found() -> Self {
        Self { valid: false, code: Code::NotFound, key_id: None, organization_id: None, scopes: None }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("verifyApiKey", "Tell whether a key of your organisation is accepted")
        .takes::<Request>(json!({ "key": "aif_live_…", "scopes": ["events:write"] }))
        .answers::<Answer>(
            200,
            "The verdict; a key that is not accepted is no error",
            json!({
                "valid": true,
                "code": "VALID",
                "key_id": "key_01kdvdna000w3ge1r70w3ge1r7",
                "organization_id": "org_01kdvdna000w3ge1r70w3ge1r7",
                "scopes": ["events:write"],
            }),
        )
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    Ok(NoStore(Json(verify(&core, caller.org(), &request).await?)))
}

/// In this order: found, environment, revoked, expired, scopes. The key is read anew: the caller
/// asks because it matters now.
async fn verify(core: &Core, org: OrgId, request: &Request) -> Result<Answer, StoreError> {
    let Some(token) = KeyToken::parse(&request.key) else { return Ok(Answer::not_found()) };
    let Some(stored) = core.table.stored_key(token.id()).await? else { return Ok(Answer::not_found()) };
    let key = stored.key;
    let ours =
        key.org == org && key.environment == token.environment() && stored.digest.matches(&token.digest());
    if !ours {
        return Ok(Answer::not_found());
    }
    let (maker, now) = ((key.created_by, Some(key.org), None), core.clock.now());
    let found = core.table.standing(key.created_by, Some(key.org), None).await?;
    let Some(Standing::Member { role, modules, status: OrganizationStatus::Active }) =
        found.standing(maker, now)
    else {
        return Ok(Answer { code: Code::Disabled, ..Answer::not_found() });
    };
    let scopes = key.scopes.intersection(&role.scopes()).within(&modules);
    let code = match key.status(now) {
        KeyStatus::Revoked => Code::Disabled,
        KeyStatus::Expired => Code::Expired,
        KeyStatus::Active if request.scopes.iter().all(|scope| scopes.holds(*scope)) => Code::Valid,
        KeyStatus::Active => Code::InsufficientScope,
    };
    let valid = code == Code::Valid;
    Ok(Answer { valid, code, key_id: Some(key.id), organization_id: Some(org), scopes: Some(scopes) })
}
