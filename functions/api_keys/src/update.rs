//! `PATCH /api/api-keys/{id}` changes a key by a merge patch (RFC 7396). Whoever changes a key holds
//! everything that it holds: a change must not be a way to more than one has.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::api_key::{ApiKey, Cidr, KeyRate, KeyStatus, StoredKey};
use shared::audit::{Action, Entry, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, Operation, Patch, PathId};
use shared::id::ApiKeyId;
use shared::limit::Quota;
use shared::name::{Metadata, Name};
use shared::principal::{Person, Principal};
use shared::problem::{Kind, Problem, Violation};
use shared::scope::{Scope, Scopes};

use crate::create::check_scopes;
use crate::limits::{CIDRS_MAX, quota, rate};
use crate::view::View;

pub(crate) struct Request {
    name: Patch<Name>,
    scopes: Patch<Vec<Scope>>,
    expires_at: Patch<Timestamp>,
    allowed_cidrs: Patch<Vec<Cidr>>,
    rate_limit: Patch<KeyRate>,
    quota: Patch<Quota>,
    metadata: Patch<Metadata>,
}

/// The request as the document describes it: what is not named stays, null takes away.
#[derive(JsonSchema)]
#[schemars(rename = "UpdateApiKey", deny_unknown_fields, transform = without_defaults)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    #[schemars(default)]
    name: String,
    /// All of them from now on: more than before only if you hold them.
    #[schemars(default, length(min = 1))]
    scopes: Vec<Scope>,
    /// Sooner than before.
    expires_at: Option<Timestamp>,
    allowed_cidrs: Option<Vec<Cidr>>,
    rate_limit: Option<KeyRate>,
    quota: Option<Quota>,
    metadata: Option<Metadata>,
}

/// What may be left out of a merge patch has no value then: it stays as it is.
fn without_defaults(schema: &mut schemars::Schema) {
    let properties = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut);
    for property in properties.into_iter().flat_map(serde_json::Map::values_mut) {
        property.as_object_mut().map(|property| property.remove("default"));
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (name, scopes) = (fields.patch_text("name"), fields.patch_texts("scopes", Scope::ALL.len()));
        for (field, cleared) in [("name", name == Patch::Clear), ("scopes", scopes == Patch::Clear)] {
            if cleared {
                fields.reject(field, Violation::new("required", "cannot be taken away"));
            }
        }
        Some(Self {
            name,
            scopes,
            expires_at: fields.patch_text("expires_at"),
            allowed_cidrs: fields.patch_texts("allowed_cidrs", CIDRS_MAX),
            rate_limit: fields.patch_object("rate_limit", rate),
            quota: fields.patch_object("quota", quota),
            metadata: fields.patch("metadata", Metadata::read),
        })
    }
}

impl Request {
    /// The names of what it changes.
    fn named(&self) -> Vec<&'static str> {
        let named = [
            ("name", self.name != Patch::Keep),
            ("scopes", self.scopes != Patch::Keep),
            ("expires_at", self.expires_at != Patch::Keep),
            ("allowed_cidrs", self.allowed_cidrs != Patch::Keep),
            ("rate_limit", self.rate_limit != Patch::Keep),
            ("quota", self.quota != Patch::Keep),
            ("metadata", self.metadata != Patch::Keep),
        ];
        named.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    fn check(&self, caller: &Principal, old: &ApiKey, now: Timestamp) -> Result<(), Problem> {
        if let Patch::Set(scopes) = &self.scopes {
            let more: Vec<_> = scopes.iter().map(|scope| (*scope, old.scopes.holds(*scope))).collect();
            check_scopes(caller, &more).map_err(Problem::fields)?;
        }
        let later = "a key ends sooner than before, never later: make another";
        let out_of_range =
            |why: &str| Err(Problem::field("/expires_at", Violation::new("out_of_range", why)));
        match (&self.expires_at, old.expires_at) {
            (Patch::Set(end), _) if *end <= now => out_of_range("lies in the past"),
            (Patch::Set(end), Some(before)) if *end > before => out_of_range(later),
            (Patch::Clear, Some(_)) => out_of_range(later),
            (Patch::Keep | Patch::Set(_) | Patch::Clear, _) => Ok(()),
        }
    }

    fn apply(&self, old: ApiKey) -> ApiKey {
        let scopes = match &self.scopes {
            Patch::Set(scopes) => scopes.iter().copied().collect(),
            Patch::Keep | Patch::Clear => old.scopes,
        };
        ApiKey {
            name: self.name.clone().or(old.name),
            scopes,
            expires_at: self.expires_at.clone().apply(old.expires_at),
            allowed_cidrs: self.allowed_cidrs.clone().apply(Some(old.allowed_cidrs)).unwrap_or_default(),
            rate_limit: self.rate_limit.clone().apply(old.rate_limit),
            quota: self.quota.clone().apply(old.quota),
            metadata: self.metadata.clone().apply(Some(old.metadata)).unwrap_or_default(),
            version: old.version + 1,
            ..old
        }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateApiKey", "Change an API key; everywhere within five seconds")
        .takes::<Described>(json!({ "rate_limit": { "limit": 20, "window_seconds": 1 }, "quota": null }))
        .answers::<View>(200, "The key as it is now", View::example())
        .fails(&[Kind::Conflict, Kind::KeyNotActive, Kind::SessionRequired])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    _: Person,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<View>, Problem> {
    /// A change that loses against another one is made again, on what that one left.
    const TRIES: u32 = 4;
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::ApiKeyUpdated, now).on(id);
    let entries = [entry.with("fields", request.named().join(" "))];
    for _ in 0..TRIES {
        let old = own_key(&core, &caller, id, &entries[0]).await?;
        if !matches!(old.key.status(now), KeyStatus::Active | KeyStatus::Expired) {
            return Err(Problem::of(Kind::KeyNotActive));
        }
        request.check(&caller, &old.key, now)?;
        let new = StoredKey { key: request.apply(old.key), ..old };
        let written =
            table.commit_audited(org, &entries, || table.transaction().change_api_key(&new)).await?;
        if written.is_ok() {
            let listed = table.api_key(org, id).await?.ok_or_else(Problem::not_found)?;
            return Ok(Json(View::new(listed, now)));
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}

/// A key of the caller's organisation that holds nothing that the caller does not.
/// `entry` is what goes on record when it holds more.
pub(crate) async fn own_key(
    core: &Core,
    caller: &Principal,
    id: ApiKeyId,
    entry: &Entry,
) -> Result<StoredKey, Problem> {
    let found = core.table.stored_key(id).await?;
    let stored = found.filter(|stored| stored.key.org == caller.org()).ok_or_else(Problem::not_found)?;
    let held = caller.held_scopes();
    let beyond: Scopes = stored.key.scopes.iter().filter(|scope| !held.holds(*scope)).collect();
    match beyond.iter().next() {
        None => Ok(stored),
        Some(scope) => {
            core.table.note_audit(caller.org(), &entry.clone().failed()).await;
            let detail = format_args!("the key holds `{scope}`, which you do not");
            Err(Problem::because(Kind::InsufficientScope, detail))
        }
    }
}
