//! What an organisation is.

use crate::clock::Timestamp;
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::scope::{Modules, Role};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrgId,
    /// What it is called.
    pub name: Name,
    /// What it has switched on.
    pub modules: Modules,
    /// When it was made.
    pub created_at: Timestamp,
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
}
