//! Identifiers: a prefix that names the kind, `_`, and a ULID in lower case (26 characters of
//! Crockford's base 32 that sort by the millisecond they were made in).
//!
//! The only way from text to an identifier is `parse`, and the wrong kind is refused by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, NoEntropy};
use crate::problem::Violation;

/// Characters of a ULID.
pub const ULID_CHARS: usize = 26;

/// Why a text is not an identifier of the kind that was asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Another kind, or no identifier at all.
    #[error("expected an identifier that starts with `{0}_`")]
    Kind(&'static str),
    /// The right prefix before something that is no ULID in lower case.
    #[error("expected `{0}_` and 26 characters (a ULID in lower case)")]
    Form(&'static str),
}

impl From<IdError> for Violation {
    fn from(error: IdError) -> Self {
        Self::new("invalid_format", error.to_string())
    }
}

fn ulid_of(text: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(text).ok()?;
    // The decoder is lenient (case, look-alike letters); two spellings of one thing are not.
    (lower(ulid) == text).then_some(ulid)
}

fn lower(ulid: Ulid) -> String {
    ulid.to_string().to_ascii_lowercase()
}

fn new_ulid(at: Timestamp, entropy: &Entropy) -> Result<Ulid, NoEntropy> {
    let random = u128::from_le_bytes(entropy.bytes()?);
    Ok(Ulid::from_parts(u64::try_from(at.millis()).unwrap_or(0), random))
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $prefix:literal => $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What an identifier of this kind starts with, before the `_`.
            pub const PREFIX: &str = $prefix;

            /// A new identifier that sorts by `at`.
            pub fn new(at: Timestamp, entropy: &Entropy) -> Result<Self, NoEntropy> {
                new_ulid(at, entropy).map(Self)
            }

            /// The one that sorts before all that were made from `at` on. Nothing is called so.
            pub fn earliest(at: Timestamp) -> Self {
                Self(Ulid::from_parts(u64::try_from(at.millis()).unwrap_or(0), 0))
            }

            /// When it was made, to the millisecond.
            pub fn made_at(&self) -> Timestamp {
                Timestamp::from_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(0))
            }

            /// The 16 bytes behind the text, for tokens that carry it.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// From the 16 bytes of [`Self::to_bytes`].
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            /// The 26 characters after the prefix.
            pub fn ulid(&self) -> String {
                lower(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), lower(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let rest = text.strip_prefix(concat!($prefix, "_")).ok_or(IdError::Kind($prefix))?;
                ulid_of(rest).map(Self).ok_or(IdError::Form($prefix))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-9a-hjkmnp-tv-z]{26}$"),
                })
            }
        }
    )*};
}

// Append only, and never change a prefix: stored items and issued links carry them.
kinds! {
    /// A tenant: what every other thing belongs to.
    "org" => OrgId;
    /// A person.
    "usr" => UserId;
    /// A person's session on one device.
    "ses" => SessionId;
    /// An API key: the public half, not the secret.
    "key" => ApiKeyId;
    /// A webhook: an endpoint and what it subscribes to.
    "whk" => WebhookId;
    /// An event, published once.
    "evt" => EventId;
    /// An invitation into an organisation.
    "inv" => InvitationId;
    /// What a link in a mail stands for.
    "lnk" => LinkId;
    /// A replay: events of a webhook that are sent again.
    "rpl" => ReplayId;
}

/// One event for one webhook: `dlv_`, the ULID of the event and that of the webhook. A delivery
/// *is* that pair, so its identifier names both, sorts by the event's time, and leads to the item
/// without an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// What is delivered.
    pub event: EventId,
    /// Where to.
    pub webhook: WebhookId,
}

impl DeliveryId {
    /// What an identifier of a delivery starts with, before the `_`.
    pub const PREFIX: &str = "dlv";
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}{}", Self::PREFIX, self.event.ulid(), self.webhook.ulid())
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not the identifier of a delivery.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected `dlv_` and 52 characters (two ULIDs in lower case)")]
pub struct NotADelivery;

impl FromStr for DeliveryId {
    type Err = NotADelivery;

    fn from_str(text: &str) -> Result<Self, NotADelivery> {
        let rest =
            text.strip_prefix("dlv_").filter(|rest| rest.len() == 2 * ULID_CHARS).ok_or(NotADelivery)?;
        let (event, webhook) = rest.split_at_checked(ULID_CHARS).ok_or(NotADelivery)?;
        Ok(Self {
            event: EventId(ulid_of(event).ok_or(NotADelivery)?),
            webhook: WebhookId(ulid_of(webhook).ok_or(NotADelivery)?),
        })
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for DeliveryId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeliveryId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^dlv_[0-9a-hjkmnp-tv-z]{52}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> OrgId {
        OrgId::new(
            Timestamp::from_seconds(1_767_225_600),
            &Entropy::from_fn(|b| {
                b.fill(7);
                Ok(())
            }),
        )
        .unwrap()
    }

    #[test]
    fn an_id_is_its_kind_and_a_ulid_in_lower_case() {
        assert_eq!(id().to_string(), "org_01kdvdna000w3ge1r70w3ge1r7");
        assert_eq!(id().to_string().parse(), Ok(id()));
        assert_eq!(id().made_at(), Timestamp::from_seconds(1_767_225_600));
        assert_eq!(OrgId::from_bytes(id().to_bytes()), id());
    }

    #[test]
    fn an_id_of_another_kind_is_refused_by_name() {
        let error = id().to_string().parse::<UserId>().unwrap_err();
        assert_eq!(error.to_string(), "expected an identifier that starts with `usr_`");
    }

    #[test]
    fn one_thing_has_one_spelling() {
        let text = id().to_string();
        for wrong in [
            text.to_uppercase(),
            text.replace("org_01", "org_0I"),
            text.replace("org_0", "org_8"),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            format!("{text} "),
            "org_".to_owned(),
            String::new(),
            "org_\u{1F980}\u{1F980}\u{1F980}\u{1F980}\u{1F980}\u{1F980}ab".to_owned(),
        ] {
            assert!(wrong.parse::<OrgId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let entropy = Entropy::system();
        let made: Vec<_> = (0..50)
            .map(|n| EventId::new(Timestamp::from_millis(1000 + n), &entropy).unwrap().to_string())
            .collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn a_delivery_id_names_its_event_and_its_webhook() {
        let entropy = Entropy::system();
        let at = Timestamp::from_seconds(5);
        let id = DeliveryId {
            event: EventId::new(at, &entropy).unwrap(),
            webhook: WebhookId::new(at, &entropy).unwrap(),
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("dlv_01kdvhq4".parse::<DeliveryId>(), Err(NotADelivery));
        assert_eq!("dlv_\u{e9}".repeat(30).parse::<DeliveryId>(), Err(NotADelivery));
    }
}
