//! What is done in turns, one after the other, by whichever dispatcher gets the message.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{IdError, ReplayId, WebhookId};

/// Something that is done in turns, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The backlog of a webhook whose breaker is open, or that drains.
    Backlog(WebhookId),
    /// A replay.
    Replay(ReplayId),
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backlog(id) => fmt::Display::fmt(id, f),
            Self::Replay(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl FromStr for Lane {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self::Backlog).or_else(|_| text.parse().map(Self::Replay))
    }
}

impl Serialize for Lane {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lane {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
