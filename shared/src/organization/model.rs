//! What an organisation is.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::scope::{Modules, Role};

/// A tenant. One that was deleted is not there: what is left of it is not read as an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrgId,
    /// What it is called.
    pub name: Name,
    /// Whether its members and keys can use it.
    pub status: OrganizationStatus,
    /// What it has switched on.
    pub modules: Modules,
    /// How many belong to it.
    pub members: u32,
    /// How many of them are owners: never none.
    pub owners: u32,
    /// Raised by every change of what its own item says, members aside.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether an organisation can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    /// It can.
    #[default]
    Active,
    /// The operator of this deployment has stopped it: its members can sign in and see that it is so.
    Suspended,
}

impl Organization {
    /// As many can belong to one.
    pub const MEMBERS_MAX: u32 = 1000;

    /// An organisation that is made now, with its maker as owner.
    pub fn new(id: OrgId, name: Name, now: Timestamp) -> Self {
        Self {
            id,
            name,
            status: OrganizationStatus::Active,
            modules: Modules::of_a_new_organization(),
            members: 1,
            owners: 1,
            version: 1,
            created_at: now,
        }
    }
}

/// A person in an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub org: OrgId,
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}
