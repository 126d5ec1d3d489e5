//! `POST /api/api-keys/verify` tells whether a key of the caller's organisation is accepted, and counts
//! its use. It is what a product calls when it is called with a key.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::api_key::{ApiKey, KeyStatus};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::id::{ApiKeyId, OrgId};
use shared::name::Metadata;
use shared::organization::OrganizationStatus;
use shared::principal::{Admission, Principal};
use shared::problem::{Problem, RateLimit, Violation};
use shared::scope::{Scope, Scopes};
use shared::standing::Standing;
use shared::table::StoreError;
use shared::token::{Environment, KeyToken};

use crate::ApiKeys;

/// One call can cost so much at the most.
const COST_MAX: u32 = 1000;

#[derive(JsonSchema)]
#[schemars(rename = "VerifyApiKey", deny_unknown_fields)]
pub(crate) struct Request {
    /// The text of the key.
    key: String,
    /// What it has to be allowed to do.
    #[schemars(default)]
    scopes: Vec<Scope>,
    /// What it has to be for; either, if not given.
    environment: Option<Environment>,
    /// Where the call comes from. A key that is bound to networks is not accepted without it.
    address: Option<IpAddr>,
    /// What the call counts for in the key's rate limit and quota: 1 if not given; 0 counts nothing.
    #[schemars(range(min = 0, max = 1000))]
    cost: Option<u32>,
}

struct Text(String);

impl std::str::FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

struct Address(IpAddr);

impl std::str::FromStr for Address {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let violation = |_| Violation::new("invalid_format", "expected an IPv4 or IPv6 address");
        text.parse().map(Self).map_err(violation)
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (key, scopes) = (fields.text("key"), fields.texts("scopes", Scope::ALL.len()));
        let environment = fields.optional_text("environment");
        let address = fields.optional_text("address").map(|Address(address)| address);
        let cost = fields.optional_integer("cost", 0..=COST_MAX);
        let Text(key) = key?;
        Some(Self { key, scopes, environment, address, cost })
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
    /// It was revoked, reported as leaked, or its maker or organisation cannot use it any more.
    Disabled,
    /// Its time is over.
    Expired,
    /// It is for another environment, or may not be used from that address.
    Forbidden,
    /// It does not hold every scope that was asked for.
    InsufficientScope,
    /// It is used too fast.
    RateLimited,
    /// Its quota is used up.
    UsageExceeded,
}

impl Code {
    /// What usage counts it as.
    fn counted(self) -> &'static str {
        match self {
            Self::Valid => "verified",
            Self::NotFound => "not_found",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::InsufficientScope => "insufficient_scope",
            Self::RateLimited => "rate_limited",
            Self::UsageExceeded => "usage_exceeded",
        }
    }
}

/// How the key's rate limit stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RateLimitState")]
pub(crate) struct RateView {
    limit: u32,
    window_seconds: u64,
    remaining: u32,
    /// After so many seconds there is more.
    reset_seconds: u64,
}

impl From<RateLimit> for RateView {
    fn from(state: RateLimit) -> Self {
        let RateLimit { quota, window_seconds, remaining, reset_seconds, .. } = state;
        Self { limit: quota, window_seconds, remaining, reset_seconds }
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    /// What the key may do at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
    /// Its owner's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    /// What is left of its quota, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u32>,
    /// If it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<RateView>,
}

impl Answer {
    fn not_found() -> Self {
        Self {
            valid: false,
            code: Code::NotFound,
            key_id: None,
            organization_id: None,
            environment: None,
            scopes: None,
            metadata: None,
            remaining: None,
            rate_limit: None,
        }
    }

    fn of(key: &ApiKey, code: Code, scopes: Scopes) -> Self {
        Self {
            valid: code == Code::Valid,
            code,
            key_id: Some(key.id),
            organization_id: Some(key.org),
            environment: Some(key.environment),
            scopes: Some(scopes),
            metadata: Some(key.metadata.clone()),
            ..Self::not_found()
        }
    }

    fn example() -> Value {
        json!({
            "valid": true,
            "code": "VALID",
            "key_id": "key_01kdvdna000w3ge1r70w3ge1r7",
            "organization_id": "org_01kdvdna000w3ge1r70w3ge1r7",
            "environment": "live",
            "scopes": ["events:write"],
            "metadata": {},
            "remaining": 99_999,
            "rate_limit": { "limit": 100, "window_seconds": 60, "remaining": 99, "reset_seconds": 66 },
        })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("verifyApiKey", "Tell whether a key of your organisation is accepted, and count its use")
        .takes::<Request>(json!({ "key": "aif_live_…", "scopes": ["events:write"] }))
        .answers::<Answer>(200, "The verdict; a key that is not accepted is no error", Answer::example())
}

pub(crate) async fn handler(
    State(state): State<ApiKeys>,
    caller: Principal,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    Ok(NoStore(Json(verify(&state, caller.org(), &request).await?)))
}

/// In this order: found, environment, switched off or over, address, scopes, rate, quota. So a call that
/// is refused takes nothing from the quota.
async fn verify(state: &ApiKeys, org: OrgId, request: &Request) -> Result<Answer, StoreError> {
    let core = &state.core;
    let Some(token) = KeyToken::parse(&request.key) else { return Ok(Answer::not_found()) };
    let now = core.clock.now();
    let Some(stored) = core.key_of(&token).await? else { return Ok(Answer::not_found()) };
    let Some(secret) = stored.secret(&token, now).filter(|_| stored.key.org == org) else {
        return Ok(Answer::not_found());
    };
    let key = stored.key;
    let (code, scopes) = judge(core, &key, request, now).await?;
    let mut answer = Answer::of(&key, code, scopes);
    let cost = request.cost.unwrap_or(1);
    if code == Code::Valid && cost > 0 {
        match core.admit_key(key.id, (key.rate_limit, key.quota), cost, now).await? {
            Admission::Through { rate, remaining } => {
                answer = Answer { remaining, rate_limit: rate.map(RateView::from), ..answer };
            }
            Admission::TooFast(rate) => {
                let rate_limit = Some(rate.into());
                answer = Answer { valid: false, code: Code::RateLimited, rate_limit, ..answer };
            }
            Admission::UsedUp { rate, remaining, .. } => {
                let (code, rate_limit) = (Code::UsageExceeded, rate.map(RateView::from));
                answer = Answer { valid: false, code, remaining: Some(remaining), rate_limit, ..answer };
            }
        }
    }
    // Neither waits for the other, and the verdict depends on neither.
    let noted = async {
        if answer.valid {
            core.note_use(&key, secret, now).await;
        }
    };
    let (subject, counted) = (key.id.to_string(), answer.code.counted());
    let counted = core.limiter.note(&state.usage, &subject, counted, now, &core.entropy);
    let ((), counted) = tokio::join!(noted, counted);
    if let Err(error) = counted {
        tracing::warn!(%error, key = %key.id, "a use was not counted");
    }
    Ok(answer)
}

/// Whether the key is accepted for the call, its limits aside, and what it may do.
async fn judge(
    core: &Core,
    key: &ApiKey,
    request: &Request,
    now: Timestamp,
) -> Result<(Code, Scopes), StoreError> {
    let standing = core.standing_of_maker(key).await?;
    let Some(Standing::Member { role, modules, status: OrganizationStatus::Active }) = standing else {
        return Ok((Code::Disabled, Scopes::default()));
    };
    let scopes = key.scopes.intersection(&role.scopes()).within(&modules);
    let code = if request.environment.is_some_and(|wanted| wanted != key.environment) {
        Code::Forbidden
    } else {
        match key.status(now) {
            KeyStatus::Revoked | KeyStatus::Leaked => Code::Disabled,
            KeyStatus::Expired => Code::Expired,
            KeyStatus::Active if !key.allows(request.address) => Code::Forbidden,
            KeyStatus::Active if request.scopes.iter().all(|scope| scopes.holds(*scope)) => Code::Valid,
            KeyStatus::Active => Code::InsufficientScope,
        }
    };
    Ok((code, scopes))
}
