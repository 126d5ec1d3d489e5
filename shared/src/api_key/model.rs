//! What an API key is.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::{ApiKeyId, OrgId, UserId};
use crate::name::{Metadata, Name};
use crate::scope::Scopes;
use crate::token::Environment;

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub org: OrgId,
    /// What its owner calls it.
    pub name: Name,
    /// What it was given. What it can do is that and what its maker can still do.
    pub scopes: Scopes,
    /// Whether it works on real data.
    pub environment: Environment,
    /// The public part of its text.
    pub hint: String,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// From when on it is not accepted.
    pub expires_at: Option<Timestamp>,
    /// Since when it is not accepted.
    pub revoked_at: Option<Timestamp>,
    /// Its owner's notes.
    pub metadata: Metadata,
}

/// Whether a key is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl ApiKey {
    /// Whether it is accepted at `now`.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }
}
