//! P4 to P6: organisations, and memberships, which stand twice so that both sides find them.

use serde::{Deserialize, Serialize};

use super::model::{Membership, Organization};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::scope::{Modules, Role};
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys};

#[derive(Serialize, Deserialize)]
struct OrganizationItem {
    org: OrgId,
    name: Name,
    modules: Modules,
    #[serde(with = "millis")]
    created_at: Timestamp,
}

impl From<OrganizationItem> for Organization {
    fn from(OrganizationItem { org, name, modules, created_at }: OrganizationItem) -> Self {
        Self { id: org, name, modules, created_at }
    }
}

#[derive(Serialize, Deserialize)]
struct MembershipItem {
    org: OrgId,
    user: UserId,
    role: Role,
}

impl From<MembershipItem> for Membership {
    fn from(MembershipItem { org, user, role }: MembershipItem) -> Self {
        Self { org, user, role }
    }
}

/// Of an item that was read with others.
pub(crate) fn organization_of(item: Item) -> Result<Organization, StoreError> {
    from_item::<OrganizationItem>(item).map(Into::into)
}

/// Of an item that was read with others.
pub(crate) fn membership_of(item: Item) -> Result<Membership, StoreError> {
    from_item::<MembershipItem>(item).map(Into::into)
}

impl Table {
    /// P4, then P5 in one call: every organisation of a person and their role there, the oldest first.
    pub async fn organizations_of(&self, user: UserId) -> Result<Vec<(Organization, Role)>, StoreError> {
        let memberships: Vec<MembershipItem> = self.all(&keys::memberships_of_user(user)).await?;
        let keys: Vec<_> = memberships.iter().map(|membership| keys::organization(membership.org)).collect();
        let mut organizations = Vec::new();
        for (membership, item) in memberships.into_iter().zip(self.get_many(&keys).await?) {
            // An organisation that is gone leaves no trace in the list.
            if let Some(item) = item {
                organizations.push((organization_of(item)?, membership.role));
            }
        }
        Ok(organizations)
    }
}

impl Transaction<'_> {
    /// P5: a new organisation.
    pub fn put_organization(self, organization: &Organization) -> Result<Self, StoreError> {
        let item = OrganizationItem {
            org: organization.id,
            name: organization.name.clone(),
            modules: organization.modules.clone(),
            created_at: organization.created_at,
        };
        self.put_new(&keys::organization(organization.id), &item, None)
    }

    /// P4 and P6: a new membership.
    pub fn put_membership(self, membership: &Membership) -> Result<Self, StoreError> {
        let Membership { org, user, role } = *membership;
        let item = MembershipItem { org, user, role };
        self.put_new(&keys::membership_of_user(user, org), &item, None)?.put_new(
            &keys::member(org, user),
            &item,
            None,
        )
    }
}
