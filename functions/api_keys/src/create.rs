//! `POST /api/api-keys` makes a key and shows its text, this once.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::api_key::{ApiKey, Cidr, KeyRate, StoredKey};
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::http::{Fields, FromFields, IdempotencyKey, Json, NoStore, Operation, created};
use shared::id::ApiKeyId;
use shared::idempotency::{Claim, Created, Creation};
use shared::limit::Quota;
use shared::name::{Metadata, Name};
use shared::operational::{Operational, OperationalKind};
use shared::principal::{Person, Principal};
use shared::problem::{FieldProblem, Kind, Problem, Violation};
use shared::scope::Scope;
use shared::table::StoreError;
use shared::token::{Environment, KeyToken};

use crate::limits::{CIDRS_MAX, quota, rate};
use crate::view::View;

const ROUTE: &str = "POST /api/api-keys";
const NOT_HELD: &str = "scope_not_held";

#[derive(JsonSchema)]
#[schemars(rename = "CreateApiKey")]
pub(crate) struct Request {
    /// What to call it.
    name: Name,
    /// What it may do: nothing that its maker may not.
    #[schemars(length(min = 1))]
    scopes: Vec<Scope>,
    /// `live` if not given.
    environment: Option<Environment>,
    /// From when on it is not accepted; never if not given.
    expires_at: Option<Timestamp>,
    /// Where it may be used from; anywhere if not given.
    #[schemars(default, length(max = 50))]
    allowed_cidrs: Vec<Cidr>,
    /// How fast it may be used; as fast as it likes if not given.
    rate_limit: Option<KeyRate>,
    /// How much it may be used; as much as it likes if not given.
    quota: Option<Quota>,
    /// Notes of your own.
    metadata: Option<Metadata>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name");
        let scopes = fields.texts("scopes", Scope::ALL.len());
        let environment = fields.optional_text("environment");
        let expires_at = fields.optional_text("expires_at");
        let allowed_cidrs = fields.texts("allowed_cidrs", CIDRS_MAX);
        let rate_limit = fields.optional_object("rate_limit", rate);
        let quota = fields.optional_object("quota", quota);
        let metadata = fields.optional("metadata", Metadata::read);
        let name = name?;
        Some(Self { name, scopes, environment, expires_at, allowed_cidrs, rate_limit, quota, metadata })
    }
}

/// A new key: all that others show, and its text.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedApiKey")]
pub(crate) struct Answer {
    /// The key itself, in this answer only.
    key: String,
    #[serde(flatten)]
    view: View,
}

pub(crate) fn operation() -> Operation {
    let mut example = View::example();
    example["key"] = json!("aif_live_02sNqQCj5Kv7mS2HcYdXtA_…43 characters…_0k2Xb9");
    Operation::new("createApiKey", "Make an API key; its text is in this answer only")
        .takes::<Request>(json!({ "name": "Billing service", "scopes": ["events:write"] }))
        .answers::<Answer>(201, "The key, shown this once", example)
        .idempotent()
        .fails(&[Kind::SecretAlreadyShown, Kind::SessionRequired])
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("some scopes cannot be given")]
    Scopes(Vec<FieldProblem>),
    #[error("lies in the past")]
    Expired,
    #[error("the `Idempotency-Key` stands for an earlier request")]
    Before(Problem),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether somebody tried to give what they do not have.
    fn is_about_authority(&self) -> bool {
        matches!(self, Self::Scopes(errors) if errors.iter().any(|error| error.code == NOT_HELD))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Scopes(errors) => Self::fields(errors),
            Error::Expired => Self::field("/expires_at", Violation::new("out_of_range", error.to_string())),
            Error::Before(problem) => problem,
            Error::Entropy(source) => source.into(),
            Error::Store(source) => source.into(),
        }
    }
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    _: Person,
    caller: Principal,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Json { value: request, digest }: Json<Request>,
) -> Result<Response, Problem> {
    let claim = idempotency.map(|key| Claim::new(caller.org(), &key, ROUTE, digest));
    let (key, text) = create((&core, &operational), (&caller, &origin), request, claim).await?;
    let view = View::of_new(key, core.clock.now());
    Ok(NoStore(created(Answer { key: text, view })).into_response())
}

async fn create(
    (core, operational): (&Core, &Operational),
    (caller, origin): (&Principal, &Origin),
    request: Request,
    claim: Option<Claim>,
) -> Result<(ApiKey, String), Error> {
    let now = core.clock.now();
    let scopes: Vec<_> = request.scopes.iter().map(|scope| scope.as_str()).collect();
    let entry = caller.entry(origin, Action::ApiKeyCreated, now).with("scopes", scopes.join(" "));
    if let Err(refused) = check(caller, &request, now) {
        if let Some(before) = before(core, claim, now).await? {
            return Err(before);
        }
        if refused.is_about_authority() {
            core.table.append_audit(caller.org(), &entry.failed()).await?;
        }
        return Err(refused);
    }
    let id = ApiKeyId::new(now, &core.entropy)?;
    let environment = request.environment.unwrap_or(Environment::Live);
    let token = KeyToken::generate(id, environment, &core.entropy)?;
    let who = (caller.org(), caller.user());
    let key = ApiKey {
        expires_at: request.expires_at,
        allowed_cidrs: request.allowed_cidrs,
        rate_limit: request.rate_limit,
        quota: request.quota,
        metadata: request.metadata.unwrap_or_default(),
        ..ApiKey::new(&token, who, request.name, request.scopes.into_iter().collect(), now)
    };
    let stored = StoredKey::new(key, &token);
    let entry = entry.on(id);
    let (org, made) = (caller.org(), id.to_string());
    let creation = Creation { org, made, entry, claim: claim.as_ref(), now, running_until: None };
    let table = &core.table;
    let told = View::of_new(stored.key.clone(), now);
    let event = operational.prepare(org, OperationalKind::ApiKeyCreated, None, json!(told)).await?;
    let build = || table.transaction().put_api_key(&stored)?.tell(event.as_ref());
    match (table.create_once(&creation, build).await?, claim) {
        (Created::Before(record), Some(claim)) => Err(Error::Before(record.secret_was_shown(&claim))),
        (Created::Refused(_), _) => Err(StoreError::Contended.into()),
        (Created::Before(_) | Created::Now, _) => {
            operational.dispatch(event).await;
            Ok((stored.key, token.reveal_once()))
        }
    }
}

/// A repetition of a request that has made its key gets that one's answer, whatever else holds by now.
async fn before(core: &Core, claim: Option<Claim>, now: Timestamp) -> Result<Option<Error>, StoreError> {
    let Some(claim) = claim else { return Ok(None) };
    let record = core.table.claimed(&claim, now).await?;
    Ok(record.map(|record| Error::Before(record.secret_was_shown(&claim))))
}

fn check(caller: &Principal, request: &Request, now: Timestamp) -> Result<(), Error> {
    let scopes: Vec<_> = request.scopes.iter().map(|scope| (*scope, false)).collect();
    check_scopes(caller, &scopes).map_err(Error::Scopes)?;
    if request.expires_at.is_some_and(|end| end <= now) { Err(Error::Expired) } else { Ok(()) }
}

/// A key gets nothing that whoever gives it does not have, but for what it has already, and nothing that
/// only people have.
pub(crate) fn check_scopes(caller: &Principal, scopes: &[(Scope, bool)]) -> Result<(), Vec<FieldProblem>> {
    let held = caller.effective_scopes();
    let mut errors = Vec::new();
    if scopes.is_empty() {
        let detail = "a key without a scope can do nothing: name at least one".to_owned();
        errors.push(FieldProblem { pointer: "/scopes".to_owned(), code: "too_few", detail });
    }
    for (place, (scope, has)) in scopes.iter().enumerate() {
        let detail = if !scope.for_keys() {
            format!("no key can hold `{scope}`")
        } else if !has && !held.holds(*scope) {
            format!("you do not hold `{scope}` yourself")
        } else {
            continue;
        };
        errors.push(FieldProblem { pointer: format!("/scopes/{place}"), code: NOT_HELD, detail });
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
