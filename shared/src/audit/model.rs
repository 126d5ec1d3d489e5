//! What a record of the audit log says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{ApiKeyId, UserId};

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// What was done, or tried. Append only: records carry the names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Action {$($(#[$doc])* #[serde(rename = $text)] $variant,)*}

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $text,)*}
            }
        }
    };
}

actions! {
    /// Somebody registered into the organisation.
    UserRegistered = "user.registered";
    /// Somebody signed in.
    UserLoggedIn = "user.logged_in";
    /// Somebody tried to, with a wrong password.
    UserLoginFailed = "user.login_failed";
    /// Somebody ended sessions of their own by logging out.
    UserLoggedOut = "user.logged_out";
    /// Somebody deleted their account.
    UserDeleted = "user.deleted";
    /// Somebody ended one session of their own.
    SessionRevoked = "session.revoked";
    /// A used-up refresh token came back, and the session was ended.
    SessionStolen = "session.stolen";
    /// Somebody went on in this organisation.
    SessionOrganizationSwitched = "session.organization_switched";
    /// Somebody changed their password.
    PasswordChanged = "password.changed";
    /// Somebody who is signed in showed a wrong one, where it was asked for.
    PasswordRefused = "password.refused";
    /// Somebody chose another password by a link.
    PasswordReset = "password.reset";
    /// Somebody showed that their address is theirs.
    EmailVerified = "email.verified";
    /// Somebody asked to move to another address.
    EmailChangeRequested = "email.change_requested";
    /// Somebody moved to another address.
    EmailChanged = "email.changed";
    /// Somebody switched their second factor on.
    MfaEnabled = "mfa.enabled";
    /// Somebody switched it off.
    MfaDisabled = "mfa.disabled";
    /// Somebody showed their second factor, rightly or wrongly.
    MfaChallenged = "mfa.challenged";
    /// Somebody made new recovery codes.
    MfaRecoveryCodesReplaced = "mfa.recovery_codes_replaced";
    /// The organisation was made.
    OrganizationCreated = "organization.created";
    /// It was changed.
    OrganizationUpdated = "organization.updated";
    /// It was deleted.
    OrganizationDeleted = "organization.deleted";
    /// Other modules were switched on.
    OrganizationModulesChanged = "organization.modules_changed";
    /// Somebody joined.
    MemberAdded = "member.added";
    /// Somebody asked to join.
    MemberRequested = "member.requested";
    /// A request to join was refused.
    MemberRefused = "member.refused";
    /// A member is something else now.
    MemberRoleChanged = "member.role_changed";
    /// A member left or was removed.
    MemberRemoved = "member.removed";
    /// Somebody was invited.
    InvitationCreated = "invitation.created";
    /// An invitation was sent again.
    InvitationResent = "invitation.resent";
    /// An invitation was taken back.
    InvitationRevoked = "invitation.revoked";
    /// An invitation was accepted, or somebody whom it is not for tried to.
    InvitationAccepted = "invitation.accepted";
    /// A domain was named.
    DomainAdded = "domain.added";
    /// A domain was proved to be the organisation's, or was not.
    DomainVerified = "domain.verified";
    /// A domain was given up.
    DomainRemoved = "domain.removed";
    /// An API key was made.
    ApiKeyCreated = "api_key.created";
    /// An API key was changed.
    ApiKeyUpdated = "api_key.updated";
    /// An API key has another text.
    ApiKeyRotated = "api_key.rotated";
    /// Somebody showed that they have an API key which they should not have, and it was switched off.
    ApiKeyLeaked = "api_key.leaked";
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked";
    /// A webhook was made.
    WebhookCreated = "webhook.created";
    /// A webhook was changed.
    WebhookUpdated = "webhook.updated";
    /// A webhook was deleted.
    WebhookDeleted = "webhook.deleted";
    /// A webhook has another secret.
    WebhookSecretRotated = "webhook.secret_rotated";
    /// A webhook was paused.
    WebhookPaused = "webhook.paused";
    /// A webhook receives again.
    WebhookResumed = "webhook.resumed";
    /// A delivery that had ended was sent again.
    DeliveryResent = "delivery.resent";
    /// Events of a webhook are sent again.
    ReplayStarted = "replay.started";
    /// A replay was cancelled.
    ReplayCancelled = "replay.cancelled";
    /// An event type was written down.
    EventTypeCreated = "event_type.created";
    /// An event type was changed.
    EventTypeUpdated = "event_type.updated";
    /// An event type was taken off the list.
    EventTypeDeleted = "event_type.deleted";
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was.
    Success,
    /// It was refused.
    Failure,
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A program.
    ApiKey(ApiKeyId),
    /// Somebody who did not show who they are.
    Nobody,
}

impl Actor {
    fn id(self) -> Option<String> {
        (self != Self::Nobody).then(|| self.to_string())
    }
}

/// The identifier of a person or a key.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::ApiKey(key) => key.fmt(f),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// What happened. Nothing secret belongs in here: members of the organisation read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Whether it was done.
    pub result: Outcome,
    /// Who: a person or an API key; absent where somebody did not show who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// On what: an identifier, mostly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The request, as the logs name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Entry {
    /// Something that was done.
    pub fn new(action: Action, actor: Actor, now: Timestamp) -> Self {
        Self {
            at: now,
            action,
            result: Outcome::Success,
            actor: actor.id(),
            target: None,
            address: None,
            user_agent: None,
            request_id: None,
            details: BTreeMap::new(),
        }
    }

    /// It was refused.
    #[must_use]
    pub fn failed(self) -> Self {
        Self { result: Outcome::Failure, ..self }
    }

    /// On what.
    #[must_use]
    pub fn on(self, target: impl ToString) -> Self {
        Self { target: Some(target.to_string()), ..self }
    }

    /// What else is to be known of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.details.insert(name.to_owned(), value.to_string());
        self
    }
}

/// An entry in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "AuditRecord")]
pub struct Record {
    /// Its place, from 1.
    pub sequence: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// `hash` of the record before; 64 zeros before the first.
    pub previous_hash: String,
    /// SHA-256, in hexadecimal, of this record without this member, as RFC 8785 (JCS) writes it.
    pub hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_actions_are_one_to_one() {
        let mut names: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
