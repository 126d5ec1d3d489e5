//! Who joins an organisation, becomes something else there, and leaves. A membership stands twice, so
//! that both sides find it, and the organisation counts members and owners: all of that changes in one
//! transaction, so no race leaves an organisation without an owner.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::model::{Membership, Organization};
use super::store::THERE;
use crate::id::{OrgId, UserId};
use crate::scope::Role;
use crate::table::{Cancelled, StoreError, Transaction, keys, number};

/// A change of what a member is.
#[derive(Clone, Copy, Debug)]
pub struct RoleChange {
    /// Where.
    pub org: OrgId,
    /// Who.
    pub user: UserId,
    /// As what they were found.
    pub from: Role,
    /// What they are to be; nothing when they leave.
    pub to: Option<Role>,
}

/// Why a change to the members was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The organisation is gone or suspended, is full, or the last owner would leave.
    Organization,
    /// The membership is not what it was found as.
    Membership,
}

impl Change {
    /// Of a transaction in which the three writes of a change begin at `first`.
    pub fn refused(cancelled: &Cancelled, first: usize) -> Option<Self> {
        if cancelled.0.contains(&first) {
            Some(Self::Organization)
        } else if cancelled.0.iter().any(|place| (first + 1..first + 3).contains(place)) {
            Some(Self::Membership)
        } else {
            None
        }
    }
}

fn values(values: &[(&str, AttributeValue)]) -> HashMap<String, AttributeValue> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn role(role: Role) -> AttributeValue {
    AttributeValue::S(role.as_str().to_owned())
}

impl Transaction<'_> {
    /// P5, P6 and P4: somebody joins (3 writes). The first is refused when the organisation is gone,
    /// suspended or full, the others when they are a member already.
    pub fn add_member(self, membership: &Membership) -> Result<Self, StoreError> {
        let owners = i64::from(membership.role == Role::Owner);
        let counted = values(&[
            (":one", number(1)),
            (":owners", number(owners)),
            (":max", number(Organization::MEMBERS_MAX)),
            (":suspended", AttributeValue::S("suspended".to_owned())),
        ]);
        self.update(
            &keys::organization(membership.org),
            "ADD members :one, owners :owners",
            &format!(
                "{THERE} AND members < :max AND (attribute_not_exists(#status) OR #status <> :suspended)"
            ),
            &[("#status", "status")],
            counted,
        )?
        .put_membership(membership)
    }

    /// P5, P6 and P4: a member becomes something else, or leaves (3 writes). The first is refused when
    /// the last owner would go, the others when the member is not what they were found as.
    pub fn change_member(self, change: RoleChange) -> Result<Self, StoreError> {
        let RoleChange { org, user, from, to } = change;
        let owners = i64::from(to == Some(Role::Owner)) - i64::from(from == Role::Owner);
        let mut counted =
            values(&[(":members", number(if to.is_none() { -1 } else { 0 })), (":owners", number(owners))]);
        let condition = if owners < 0 {
            counted.insert(":one".to_owned(), number(1));
            format!("{THERE} AND owners > :one")
        } else {
            THERE.to_owned()
        };
        let change = "ADD members :members, owners :owners";
        let mut transaction = self.update(&keys::organization(org), change, &condition, &[], counted)?;
        for key in [keys::member(org, user), keys::membership_of_user(user, org)] {
            let names = [("#role", "role")];
            let mut roles = values(&[(":from", role(from))]);
            transaction = match to {
                Some(to) => {
                    roles.insert(":to".to_owned(), role(to));
                    transaction.update(&key, "SET #role = :to", "#role = :from", &names, roles)?
                }
                None => transaction.delete_if(&key, "#role = :from", &names, roles)?,
            };
        }
        Ok(transaction)
    }

    /// P6: refuses the whole where the person is not a member of that role any more.
    pub fn check_member(self, org: OrgId, user: UserId, is: Role) -> Result<Self, StoreError> {
        let condition = "#role = :role";
        self.check(&keys::member(org, user), condition, &[("#role", "role")], values(&[(":role", role(is))]))
    }
}
