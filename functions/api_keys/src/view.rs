//! An API key as callers see it, everywhere but in the answer that shows its text.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::api_key::{ApiKey, Cidr, KeyRate, KeyStatus, LastUse, ListedKey};
use shared::clock::Timestamp;
use shared::id::{ApiKeyId, UserId};
use shared::limit::Quota;
use shared::name::{Metadata, Name};
use shared::scope::Scopes;
use shared::token::Environment;

/// An API key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub(crate) struct View {
    id: ApiKeyId,
    name: Name,
    /// The public part of the key, to recognise it by.
    key_hint: String,
    scopes: Scopes,
    environment: Environment,
    status: KeyStatus,
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// Since when it is not accepted because somebody reported it as leaked.
    leaked_at: Option<Timestamp>,
    /// Where it may be used from; anywhere, when empty.
    allowed_cidrs: Vec<Cidr>,
    rate_limit: Option<KeyRate>,
    quota: Option<Quota>,
    metadata: Metadata,
    /// When it was last used, to within five minutes.
    last_used_at: Option<Timestamp>,
    /// Until when the text before the last rotation is accepted, too.
    previous_expires_at: Option<Timestamp>,
    /// When that text was last used since.
    previous_last_used_at: Option<Timestamp>,
}

impl View {
    pub(crate) fn new(ListedKey { key, last_use }: ListedKey, now: Timestamp) -> Self {
        let status = key.status(now);
        let ApiKey {
            id,
            org: _,
            name,
            scopes,
            environment,
            hint,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            leaked_at,
            allowed_cidrs,
            rate_limit,
            quota,
            metadata,
            previous_expires_at,
            version: _,
        } = key;
        let LastUse { last_used_at, previous_last_used_at } = last_use;
        Self {
            id,
            name,
            key_hint: hint,
            scopes,
            environment,
            status,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            leaked_at,
            allowed_cidrs,
            rate_limit,
            quota,
            metadata,
            last_used_at,
            previous_expires_at,
            previous_last_used_at,
        }
    }

    /// A key that nobody has used yet.
    pub(crate) fn of_new(key: ApiKey, now: Timestamp) -> Self {
        Self::new(ListedKey { key, last_use: LastUse::default() }, now)
    }

    pub(crate) fn example() -> Value {
        json!({
            "id": "key_01kdvdna000w3ge1r70w3ge1r7",
            "name": "Billing service",
            "key_hint": "aif_live_02sNqQCj5Kv7mS2HcYdXtA_…",
            "scopes": ["events:write"],
            "environment": "live",
            "status": "active",
            "created_by": "usr_01kdvdna000w3ge1r70w3ge1r7",
            "created_at": "2026-01-01T00:00:00.000Z",
            "expires_at": null,
            "revoked_at": null,
            "leaked_at": null,
            "allowed_cidrs": ["203.0.113.0/24"],
            "rate_limit": { "limit": 100, "window_seconds": 60 },
            "quota": { "limit": 100_000, "period": "month" },
            "metadata": {},
            "last_used_at": null,
            "previous_expires_at": null,
            "previous_last_used_at": null,
        })
    }
}
