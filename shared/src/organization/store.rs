//! P4 to P6: organisations, and how memberships are read. Who joins, changes and leaves is in
//! [`super::members`].

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Membership, Organization, OrganizationStatus};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::scope::{Modules, Role};
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys, number};

/// Holds of an organisation that is there and was not deleted.
pub(super) const THERE: &str = "attribute_exists(pk) AND attribute_not_exists(deleted_at)";

/// How long there is something left of an organisation that was deleted: longer than anything that was
/// handed out within it.
const TOMBSTONE_KEPT: Duration = Duration::from_hours(90 * 24);

#[derive(Serialize, Deserialize)]
struct OrganizationItem {
    org: OrgId,
    name: Name,
    #[serde(default)]
    status: OrganizationStatus,
    modules: Modules,
    #[serde(default = "one")]
    members: u32,
    #[serde(default = "one")]
    owners: u32,
    #[serde(default = "one")]
    version: u32,
    #[serde(with = "millis")]
    created_at: Timestamp,
}

fn one() -> u32 {
    1
}

impl From<OrganizationItem> for Organization {
    fn from(item: OrganizationItem) -> Self {
        let OrganizationItem { org, name, status, modules, members, owners, version, created_at } = item;
        Self { id: org, name, status, modules, members, owners, version, created_at }
    }
}

impl From<&Organization> for OrganizationItem {
    fn from(organization: &Organization) -> Self {
        let Organization { id, name, status, modules, members, owners, version, created_at } =
            organization.clone();
        Self { org: id, name, status, modules, members, owners, version, created_at }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct MembershipItem {
    org: OrgId,
    user: UserId,
    role: Role,
    #[serde(with = "millis", default = "long_ago")]
    joined_at: Timestamp,
}

fn long_ago() -> Timestamp {
    Timestamp::from_seconds(0)
}

impl From<MembershipItem> for Membership {
    fn from(MembershipItem { org, user, role, joined_at }: MembershipItem) -> Self {
        Self { org, user, role, joined_at }
    }
}

impl From<&Membership> for MembershipItem {
    fn from(membership: &Membership) -> Self {
        let Membership { org, user, role, joined_at } = *membership;
        Self { org, user, role, joined_at }
    }
}

/// Of an item that was read with others; `None` for what is left of one that was deleted.
pub(crate) fn organization_of(item: Item) -> Result<Option<Organization>, StoreError> {
    if item.contains_key("deleted_at") {
        return Ok(None);
    }
    from_item::<OrganizationItem>(item).map(|item| Some(item.into()))
}

/// Of an item that was read with others.
pub(crate) fn membership_of(item: Item) -> Result<Membership, StoreError> {
    from_item::<MembershipItem>(item).map(Into::into)
}

impl Table {
    /// P5: an organisation.
    pub async fn organization(&self, org: OrgId) -> Result<Option<Organization>, StoreError> {
        let item = self.get_item(&keys::organization(org)).await?;
        item.map(organization_of).transpose().map(Option::flatten)
    }

    /// P4, then P5 in one call: every organisation of a person and their role there, the oldest first.
    pub async fn organizations_of(&self, user: UserId) -> Result<Vec<(Organization, Role)>, StoreError> {
        let memberships = self.memberships_of(user).await?;
        let keys: Vec<_> = memberships.iter().map(|membership| keys::organization(membership.org)).collect();
        let mut organizations = Vec::new();
        for (membership, item) in memberships.into_iter().zip(self.get_many(&keys).await?) {
            // An organisation that is gone leaves no trace in the list.
            if let Some(organization) = item.map(organization_of).transpose()?.flatten() {
                organizations.push((organization, membership.role));
            }
        }
        Ok(organizations)
    }

    /// P4: every membership of a person, those in organisations that are gone included.
    pub async fn memberships_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let items: Vec<MembershipItem> = self.all(&keys::memberships_of_user(user)).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P6: a membership.
    pub async fn membership(&self, org: OrgId, user: UserId) -> Result<Option<Membership>, StoreError> {
        let item: Option<MembershipItem> = self.get(&keys::member(org, user)).await?;
        Ok(item.map(Into::into))
    }

    /// P6: a page of members, those whose accounts are the youngest first.
    pub async fn members(
        &self,
        org: OrgId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<Membership>, StoreError> {
        let after = after.map(|user| keys::member(org, user));
        let items: Vec<MembershipItem> = self.page(&keys::members(org), after.as_ref(), limit).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P6: every member.
    pub async fn all_members(&self, org: OrgId) -> Result<Vec<Membership>, StoreError> {
        let items: Vec<MembershipItem> = self.all(&keys::members(org)).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P4 and P6: takes away what is left of a membership in an organisation that is gone.
    pub async fn forget_membership(&self, org: OrgId, user: UserId) -> Result<(), StoreError> {
        self.delete_item(&keys::member(org, user)).await?;
        self.delete_item(&keys::membership_of_user(user, org)).await
    }
}

impl Transaction<'_> {
    /// P4, P5 and P6: a new organisation and its first member (3 writes).
    pub fn put_organization(
        self,
        organization: &Organization,
        owner: &Membership,
    ) -> Result<Self, StoreError> {
        let key = keys::organization(organization.id);
        self.put_new(&key, &OrganizationItem::from(organization), None)?.put_membership(owner)
    }

    /// P4 and P6: a new membership (2 writes).
    pub(super) fn put_membership(self, membership: &Membership) -> Result<Self, StoreError> {
        let item = MembershipItem::from(membership);
        let Membership { org, user, .. } = *membership;
        self.put_new(&keys::membership_of_user(user, org), &item, None)?.put_new(
            &keys::member(org, user),
            &item,
            None,
        )
    }

    /// P5: another name or other modules. `new` is one version later than what it was made of; refused
    /// when that is not the present one.
    pub fn update_organization(self, new: &Organization) -> Result<Self, StoreError> {
        let modules = new.modules.iter().map(|name| AttributeValue::S(name.as_str().to_owned()));
        let values = HashMap::from([
            (":name".to_owned(), AttributeValue::S(new.name.as_str().to_owned())),
            (":modules".to_owned(), AttributeValue::L(modules.collect())),
            (":version".to_owned(), number(new.version)),
            (":old".to_owned(), number(new.version - 1)),
        ]);
        self.update(
            &keys::organization(new.id),
            "SET #name = :name, modules = :modules, version = :version",
            "(version = :old OR attribute_not_exists(version)) AND attribute_exists(pk) \
             AND attribute_not_exists(deleted_at)",
            &[("#name", "name")],
            values,
        )
    }

    /// P5: the organisation is gone from this write on: to its members, sessions, keys, invitations and
    /// webhooks alike, since all of them ask for it. The identifier stays for 90 days, until DynamoDB cleans
    /// it up, and is never given again.
    pub fn delete_organization(self, org: OrgId, now: Timestamp) -> Result<Self, StoreError> {
        let expires = number(now.plus(TOMBSTONE_KEPT).seconds());
        let values =
            HashMap::from([(":now".to_owned(), number(now.millis())), (":expires".to_owned(), expires)]);
        self.update(
            &keys::organization(org),
            "SET deleted_at = :now, expires = :expires REMOVE #name, modules",
            THERE,
            &[("#name", "name")],
            values,
        )
    }
}
