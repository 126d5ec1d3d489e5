//! An API key as callers see it, everywhere but in the answer that shows its text.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::api_key::{ApiKey, KeyStatus};
use shared::clock::Timestamp;
use shared::id::{ApiKeyId, UserId};
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
    metadata: Metadata,
}

impl View {
    pub(crate) fn new(key: ApiKey, now: Timestamp) -> Self {
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
            metadata,
        } = key;
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
            metadata,
        }
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
            "metadata": {},
        })
    }
}
