//! What a link is for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{LinkId, UserId};
use crate::name::Name;
use crate::user::Email;

/// What stands behind a link until it is used or its time is over.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which.
    pub id: LinkId,
    /// What for.
    pub purpose: LinkPurpose,
    /// From when on it is not accepted.
    pub expires_at: Timestamp,
}

/// What a link is for. Those of a person hold the epoch in which they were asked for: a change of the
/// password makes them worthless.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Somebody registers. Until they use the link they are nobody: the address is not claimed.
    Registration {
        /// The address, to which the link goes.
        email: Email,
        /// What they are called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Name>,
        /// PHC string of their password.
        password_hash: String,
        /// Into which organisation.
        way: Way,
    },
    /// A person who has an account shows that the address is theirs.
    Verification {
        /// Who.
        user: UserId,
        /// Their address, to which the link goes.
        email: Email,
        /// Their epoch.
        epoch: u32,
    },
    /// A person chooses another password without knowing the present one.
    PasswordReset {
        /// Who.
        user: UserId,
        /// Their address, to which the link goes.
        email: Email,
        /// Their epoch.
        epoch: u32,
    },
    /// A person moves to another address.
    EmailChange {
        /// Who.
        user: UserId,
        /// Their present address.
        old: Email,
        /// The new one, to which the link goes.
        new: Email,
        /// Their epoch.
        epoch: u32,
    },
}

/// How somebody who registers gets into an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// They make one.
    Create {
        /// What it is called.
        name: Name,
    },
    /// They join the one that has proved the domain of their address.
    Join,
}

/// It holds addresses and a hash: logs get the kind only.
impl std::fmt::Debug for LinkPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Registration { .. } => "Registration",
            Self::Verification { .. } => "Verification",
            Self::PasswordReset { .. } => "PasswordReset",
            Self::EmailChange { .. } => "EmailChange",
        })
    }
}

impl LinkPurpose {
    /// How long a link of this kind can be used.
    pub const fn lifetime(&self) -> Duration {
        match self {
            Self::PasswordReset { .. } => Duration::from_mins(30),
            Self::EmailChange { .. } => Duration::from_hours(1),
            Self::Registration { .. } | Self::Verification { .. } => Duration::from_hours(24),
        }
    }

    /// The address that the link is sent to.
    pub const fn recipient(&self) -> &Email {
        match self {
            Self::Registration { email, .. }
            | Self::Verification { email, .. }
            | Self::PasswordReset { email, .. } => email,
            Self::EmailChange { new, .. } => new,
        }
    }
}

impl Link {
    /// A link that is made now.
    pub fn new(id: LinkId, purpose: LinkPurpose, now: Timestamp) -> Self {
        let expires_at = now.plus(purpose.lifetime());
        Self { id, purpose, expires_at }
    }

    /// Whether its time is not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
