//! What a webhook wants of what an organisation publishes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::condition::{self, Condition, EventData};
use crate::problem::Violation;

/// The type of an event: segments of letters, digits and `_`, joined by dots; at most 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventType(String);

impl EventType {
    const CHARS_MAX: usize = 128;

    /// The type.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_well_formed(text: &str) -> bool {
        let segment =
            |s: &str| !s.is_empty() && s.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        text.len() <= Self::CHARS_MAX && text.split('.').all(segment)
    }
}

impl FromStr for EventType {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let rule = "expected segments of letters, digits and `_` joined by dots, at most 128 characters";
        Self::is_well_formed(text)
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| Violation::new("invalid_event_type", rule))
    }
}

impl schemars::JsonSchema for EventType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_]+([.][A-Za-z0-9_]+)*$",
            "maxLength": Self::CHARS_MAX,
        })
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a webhook subscribes to: one type, or with `.*` at the end all that begin so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// Whether an event of `kind` is meant.
    pub fn matches(&self, kind: &EventType) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => kind.0.starts_with(prefix),
            None => self.0 == kind.0,
        }
    }
}

impl FromStr for EventPattern {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let rule = "expected an event type, or one with `.*` at its end";
        let kind = text.strip_suffix(".*").unwrap_or(text);
        let right = EventType::is_well_formed(kind);
        right.then(|| Self(text.to_owned())).ok_or_else(|| Violation::new("invalid_event_type", rule))
    }
}

impl schemars::JsonSchema for EventPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_]+([.][A-Za-z0-9_]+)*([.][*])?$" })
    }
}

/// A part of what an organisation publishes, such as one of its own customers: 1 to 64 letters, digits and
/// `_ . : -`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Channel(String);

impl Channel {
    const CHARS_MAX: usize = 64;
}

impl FromStr for Channel {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        let right = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(plain);
        let rule = "expected 1 to 64 letters, digits and `_ . : -`";
        right.then(|| Self(text.to_owned())).ok_or_else(|| Violation::new("invalid_format", rule))
    }
}

impl schemars::JsonSchema for Channel {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Channel".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })
    }
}

/// What a webhook wants. It is stored as fields of its webhook's item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The types of events; empty means everything.
    pub event_types: Vec<EventPattern>,
    /// The channels that it is for; empty means all, and what is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// What has to hold of an event's data, all of it; empty means nothing.
    #[serde(with = "condition::text", default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
}

impl Subscription {
    /// How many channels a webhook, or an event, can name.
    pub const CHANNELS_MAX: usize = 20;

    /// Whether it subscribes to events of `kind`.
    pub fn subscribes_to(&self, kind: &EventType) -> bool {
        self.event_types.is_empty() || self.event_types.iter().any(|pattern| pattern.matches(kind))
    }

    /// Whether an event of `kind` in `channels` about `data` is for it.
    pub fn receives(&self, kind: &EventType, channels: &[Channel], data: &EventData<'_>) -> bool {
        let in_channel = self.channels.is_empty() || self.channels.iter().any(|own| channels.contains(own));
        in_channel && self.subscribes_to(kind) && data.fulfils(&self.filter)
    }

    /// Whether it names events of `kind`, and does not only take everything, and wants one about `data`.
    pub fn names(&self, kind: &EventType, data: &EventData<'_>) -> bool {
        !self.event_types.is_empty() && self.receives(kind, &[], data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_segments_joined_by_dots() {
        for right in ["invoice", "invoice.paid", "a.b.c_d.E9"] {
            assert!(right.parse::<EventType>().is_ok(), "{right}");
        }
        let long = "a".repeat(129);
        for wrong in ["", ".", "a.", ".a", "a..b", "a b", "a-b", "a.*", "é", &long] {
            assert!(wrong.parse::<EventType>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_means_one_type_or_all_below_it() {
        let matches = |pattern: &str, kind: &str| {
            pattern.parse::<EventPattern>().unwrap().matches(&kind.parse().unwrap())
        };
        assert!(matches("invoice.paid", "invoice.paid"));
        assert!(!matches("invoice.paid", "invoice.paid.late"));
        assert!(matches("invoice.*", "invoice.paid.late"));
        assert!(!matches("invoice.*", "invoice"));
        assert!(!matches("invoice.*", "invoices.paid"));
        for wrong in ["*", ".*", "a*", "a.*.b", "*.a"] {
            assert!(wrong.parse::<EventPattern>().is_err(), "{wrong}");
        }
    }
}
