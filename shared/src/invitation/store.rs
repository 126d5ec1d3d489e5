//! P21: invitations.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Invitation, InvitationStatus};
use crate::clock::{Timestamp, millis};
use crate::id::{InvitationId, OrgId, UserId};
use crate::scope::Role;
use crate::table::{StoreError, Table, Transaction, keys, number};
use crate::user::Email;

/// How long an invitation is kept after its time.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Holds of an invitation that can be accepted, sent again or taken back, as the caller has read it.
const LIVE: &str = "#status = :pending AND generation = :generation AND expires_at > :now";

#[derive(Serialize, Deserialize)]
struct InvitationItem {
    invitation: InvitationId,
    org: OrgId,
    email: Email,
    role: Role,
    inviter: UserId,
    status: InvitationStatus,
    generation: u32,
    #[serde(with = "millis")]
    created_at: Timestamp,
    #[serde(with = "millis")]
    expires_at: Timestamp,
}

impl From<InvitationItem> for Invitation {
    fn from(item: InvitationItem) -> Self {
        let InvitationItem {
            invitation: id,
            org,
            email,
            role,
            inviter,
            status,
            generation,
            created_at,
            expires_at,
        } = item;
        Self { id, org, email, role, inviter, status, generation, created_at, expires_at }
    }
}

impl From<&Invitation> for InvitationItem {
    fn from(invitation: &Invitation) -> Self {
        let Invitation { id, org, email, role, inviter, status, generation, created_at, expires_at } =
            invitation.clone();
        Self { invitation: id, org, email, role, inviter, status, generation, created_at, expires_at }
    }
}

impl Table {
    /// P21: an invitation, whatever became of it.
    pub async fn invitation(&self, org: OrgId, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let item: Option<InvitationItem> = self.get(&keys::invitation(org, id)).await?;
        Ok(item.map(Into::into))
    }

    /// P21: a page of invitations, the newest first.
    pub async fn invitations(
        &self,
        org: OrgId,
        after: Option<InvitationId>,
        limit: u16,
    ) -> Result<Vec<Invitation>, StoreError> {
        let after = after.map(|id| keys::invitation(org, id));
        let items: Vec<InvitationItem> = self.page(&keys::invitations(org), after.as_ref(), limit).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P21: those that can be accepted.
    pub async fn live_invitations(&self, org: OrgId, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let items: Vec<InvitationItem> = self.all(&keys::invitations(org)).await?;
        let live = items.into_iter().map(Invitation::from).filter(|invitation| invitation.is_live(now));
        Ok(live.collect())
    }
}

fn live(invitation: &Invitation, now: Timestamp) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (":pending".to_owned(), AttributeValue::S("pending".to_owned())),
        (":generation".to_owned(), number(invitation.generation)),
        (":now".to_owned(), number(now.millis())),
    ])
}

impl Transaction<'_> {
    /// P21: a new invitation (1 write).
    pub fn put_invitation(self, invitation: &Invitation) -> Result<Self, StoreError> {
        let key = keys::invitation(invitation.org, invitation.id);
        let kept = invitation.expires_at.plus(KEPT);
        self.put_new(&key, &InvitationItem::from(invitation), Some(kept))
    }

    /// P21: what became of an invitation (1 write); refused when it can not be accepted any more, or was
    /// sent again since it was read.
    pub fn end_invitation(
        self,
        invitation: &Invitation,
        status: InvitationStatus,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut values = live(invitation, now);
        let status = match status {
            InvitationStatus::Pending => "pending",
            InvitationStatus::Accepted => "accepted",
            InvitationStatus::Revoked => "revoked",
        };
        values.insert(":status".to_owned(), AttributeValue::S(status.to_owned()));
        let key = keys::invitation(invitation.org, invitation.id);
        self.update(&key, "SET #status = :status", LIVE, &[("#status", "status")], values)
    }

    /// P21: an invitation is sent again by `inviter` (1 write): another token, and as long a time as a new
    /// one. One whose time is over can be sent again, too; refused when it was answered or taken back.
    pub fn renew_invitation(
        self,
        invitation: &Invitation,
        inviter: UserId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut values = live(invitation, now);
        values.remove(":now");
        values.insert(":next".to_owned(), number(invitation.generation + 1));
        values.insert(":inviter".to_owned(), AttributeValue::S(inviter.to_string()));
        let expires_at = now.plus(Invitation::LIFE);
        values.insert(":expires_at".to_owned(), number(expires_at.millis()));
        values.insert(":expires".to_owned(), number(expires_at.plus(KEPT).seconds()));
        self.update(
            &keys::invitation(invitation.org, invitation.id),
            "SET generation = :next, inviter = :inviter, expires_at = :expires_at, expires = :expires",
            "#status = :pending AND generation = :generation",
            &[("#status", "status")],
            values,
        )
    }
}
