//! What an invitation is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{InvitationId, OrgId, UserId};
use crate::scope::Role;
use crate::user::Email;

/// An offer to one address to join an organisation in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Into which organisation.
    pub org: OrgId,
    /// Whom: only an account with this address can accept it.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Who invites. When they leave, or are not what they would have to be any more, it is void.
    pub inviter: UserId,
    /// How far it is.
    pub status: InvitationStatus,
    /// How often it was sent again: a token of an earlier time is worthless.
    pub generation: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not accepted.
    pub expires_at: Timestamp,
}

/// How far an invitation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationStatus {
    /// It waits for an answer.
    Pending,
    /// Somebody joined by it.
    Accepted,
    /// It was taken back.
    Revoked,
}

impl Invitation {
    /// How long it can be accepted after it was sent.
    pub const LIFE: Duration = Duration::from_hours(7 * 24);
    /// As many can wait for an answer in one organisation.
    pub const PENDING_MAX: usize = 100;

    /// An invitation that is made now.
    pub fn new(
        id: InvitationId,
        (org, inviter): (OrgId, UserId),
        email: Email,
        role: Role,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            org,
            email,
            role,
            inviter,
            status: InvitationStatus::Pending,
            generation: 0,
            created_at: now,
            expires_at: now.plus(Self::LIFE),
        }
    }

    /// Whether it waits for an answer and its time is not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == InvitationStatus::Pending && now < self.expires_at
    }
}
