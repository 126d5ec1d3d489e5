//! An organisation as callers see it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::id::OrgId;
use shared::name::Name;
use shared::organization::{Organization, OrganizationStatus};
use shared::scope::{Modules, Role};

/// An organisation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub(crate) struct View {
    id: OrgId,
    name: Name,
    status: OrganizationStatus,
    /// What it has switched on.
    modules: Modules,
    /// How many belong to it.
    members: u32,
    /// What the caller, or the maker of the key, is there.
    role: Role,
    created_at: Timestamp,
}

impl View {
    pub(crate) fn new(organization: Organization, role: Role) -> Self {
        let Organization { id, name, status, modules, members, created_at, .. } = organization;
        Self { id, name, status, modules, members, role, created_at }
    }

    pub(crate) fn example() -> Value {
        json!({
            "id": "org_01kdvhq4000w3gf1r70w3gf1r7",
            "name": "Analytical Engines",
            "status": "active",
            "modules": ["api_keys", "audit", "webhooks"],
            "members": 1,
            "role": "owner",
            "created_at": "2026-01-01T00:00:00.000Z",
        })
    }
}
