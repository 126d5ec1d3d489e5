//! A person, and what they are in the organisation that their session names.

use shared::id::{OrgId, UserId};
use shared::organization::Organization;
use shared::scope::Role;
use shared::standing::Found;
use shared::table::{StoreError, Table};
use shared::user::User;

/// A person who may sign in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Who.
    pub(crate) user: User,
    /// Where and as what, if anywhere.
    pub(crate) membership: Option<(Organization, Role)>,
}

impl Account {
    /// The person in `org`: without a membership when they are not in it any more. `None` when they
    /// are gone, locked out, or in another `epoch`. One read.
    pub(crate) async fn find(
        table: &Table,
        (user, epoch): (UserId, u32),
        org: Option<OrgId>,
    ) -> Result<Option<Self>, StoreError> {
        let Found { user, membership, organization, .. } = table.standing(user, org, None).await?;
        let Some(user) = user.filter(|user| user.is_in(epoch)) else { return Ok(None) };
        let role = membership.map(|membership| membership.role);
        Ok(Some(Self { user, membership: organization.zip(role) }))
    }

    /// The same, and where they are not in `org` any more, in the oldest organisation that they are in.
    pub(crate) async fn find_anywhere(
        table: &Table,
        who: (UserId, u32),
        org: Option<OrgId>,
    ) -> Result<Option<Self>, StoreError> {
        let found = Self::find(table, who, org).await?;
        match found {
            Some(Self { user, membership: None }) => {
                let organizations = table.organizations_of(user.id).await?;
                Ok(Some(Self { user, membership: organizations.into_iter().next() }))
            }
            found => Ok(found),
        }
    }

    /// The organisation that keeps the records about somebody who is not signed in: the one that they
    /// registered in while they are in it, or else the oldest that they are in. One that they have left
    /// learns nothing of them.
    pub(crate) async fn home(
        table: &Table,
        user: UserId,
        registered_in: Option<OrgId>,
    ) -> Result<Option<OrgId>, StoreError> {
        if let Some(org) = registered_in
            && table.membership(org, user).await?.is_some()
        {
            return Ok(Some(org));
        }
        let all = table.organizations_of(user).await?;
        Ok(all.into_iter().next().map(|(organization, _)| organization.id))
    }

    /// The organisation that a new session names.
    pub(crate) fn org(&self) -> Option<OrgId> {
        self.membership.as_ref().map(|(organization, _)| organization.id)
    }
}
