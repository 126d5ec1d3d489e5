//! What a domain of an organisation is.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::DomainName;
use crate::clock::{Timestamp, millis};
use crate::id::OrgId;
use crate::problem::Violation;

/// A domain that an organisation says is its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub domain: DomainName,
    /// Whether it has been shown.
    #[serde(with = "status")]
    pub status: DomainStatus,
    /// How those who have an address there get in.
    pub join: JoinMode,
    /// What the record says: nobody else's, and no secret.
    pub token: String,
    /// When it was named.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
}

/// Whether a domain is the organisation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainStatus {
    /// Nobody has shown it.
    Pending,
    /// The record was there.
    Verified {
        /// When it was looked up.
        at: Timestamp,
    },
}

/// The table's form: the time or nothing.
mod status {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::DomainStatus;
    use crate::clock::Timestamp;

    pub(super) fn serialize<S: Serializer>(status: &DomainStatus, serializer: S) -> Result<S::Ok, S::Error> {
        match status {
            DomainStatus::Pending => serializer.serialize_i64(0),
            DomainStatus::Verified { at } => serializer.serialize_i64(at.millis()),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DomainStatus, D::Error> {
        Ok(match i64::deserialize(deserializer)? {
            0 => DomainStatus::Pending,
            ms => DomainStatus::Verified { at: Timestamp::from_millis(ms) },
        })
    }
}

/// How those who have an address at a domain get into its organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinMode {
    /// They ask, and somebody lets them in.
    #[default]
    Request,
    /// At once.
    Automatic,
}

impl FromStr for JoinMode {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "request" => Ok(Self::Request),
            "automatic" => Ok(Self::Automatic),
            _ => Err(Violation::new("unknown_value", "expected one of request, automatic")),
        }
    }
}

impl Domain {
    /// As many can an organisation name.
    pub const PER_ORGANIZATION_MAX: usize = 20;

    /// The name of the TXT record that shows it.
    pub fn record_name(&self) -> String {
        format!("_ai-foundry.{}", self.domain)
    }

    /// What the record says.
    pub fn record_value(&self) -> String {
        format!("ai-foundry-verification={}", self.token)
    }
}
