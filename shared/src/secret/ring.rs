//! The keys of SECRET_KEY and what is derived from them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::{constant_time, hkdf, hmac};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What SECRET_KEY is used for. Append only, and never change a name: a purpose is part of every
/// value made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing access tokens.
    AccessToken,
    /// Authenticating refresh tokens.
    RefreshToken,
    /// Encrypting the signing secrets of webhooks.
    WebhookSecret,
    /// Authenticating page cursors.
    Cursor,
    /// Authenticating the tokens of links in mails.
    LinkToken,
    /// Authenticating that a password was right, until the second factor is shown.
    MfaChallenge,
    /// Encrypting the secrets of authenticators.
    FactorSecret,
    /// Encrypting the headers that webhooks have of their own.
    WebhookHeader,
    /// Encrypting the signing keys of webhooks.
    WebhookKey,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 9] = [
        Self::AccessToken,
        Self::RefreshToken,
        Self::WebhookSecret,
        Self::Cursor,
        Self::LinkToken,
        Self::MfaChallenge,
        Self::FactorSecret,
        Self::WebhookHeader,
        Self::WebhookKey,
    ];

    const fn info(self) -> &'static str {
        match self {
            Self::AccessToken => "access-token",
            Self::RefreshToken => "refresh-token",
            Self::WebhookSecret => "webhook-secret",
            Self::Cursor => "cursor",
            Self::LinkToken => "link-token",
            Self::MfaChallenge => "mfa-challenge",
            Self::FactorSecret => "factor-secret",
            Self::WebhookHeader => "webhook-header",
            Self::WebhookKey => "webhook-key",
        }
    }
}

/// Why a secret cannot serve as SECRET_KEY.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RingError {
    /// Not the JSON object it has to be. The content is not repeated: it is secret.
    #[error("SECRET_KEY is not JSON of the form {{\"kid\": …, \"key\": …}}")]
    Form,
    /// Shorter than SHA-256's output, so guessing it is easier than guessing what it makes.
    #[error("SECRET_KEY `{kid}` has {bytes} bytes, and at least {min} are needed", min = SecretKey::MIN_BYTES)]
    Short {
        /// Which key.
        kid: String,
        /// Its length.
        bytes: usize,
    },
    /// Long enough, and yet a pattern that somebody typed.
    #[error("SECRET_KEY `{kid}` is weak: it repeats a few characters")]
    Weak {
        /// Which key.
        kid: String,
    },
    /// Two keys of one name: which one made a value could not be told.
    #[error("SECRET_KEY names the key `{kid}` twice")]
    Twice {
        /// Which name.
        kid: String,
    },
    /// The name goes into tokens and sealed values, whose parts are joined by dots.
    #[error("SECRET_KEY has a `kid` that is not 1 to 64 letters, digits, `-` or `_`")]
    Kid,
}

/// One key of the ring.
#[derive(Clone)]
pub struct SecretKey {
    pub(super) kid: String,
    pub(super) key: String,
    /// From when on it makes anything; absent on one that always could.
    pub(super) activates_at: Option<Timestamp>,
    /// From when on its successor does; absent on the newest.
    pub(super) retired_at: Option<Timestamp>,
    /// What was derived from it, by purpose.
    pub(super) derived: Arc<[OnceLock<DerivedKey>; Purpose::ALL.len()]>,
}

/// What is derived is kept in the order of the purposes.
const _: () = assert!(Purpose::WebhookKey as usize + 1 == Purpose::ALL.len());

impl SecretKey {
    /// The least a key may have.
    pub const MIN_BYTES: usize = 32;
    /// A random key of 32 bytes has far more; `aaaa…` and `abcabc…` have fewer.
    const MIN_DISTINCT_BYTES: usize = 10;

    pub(super) fn checked(Stored { kid, key, activates_at, retired_at }: Stored) -> Result<Self, RingError> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if kid.is_empty() || kid.len() > 64 || !kid.chars().all(named) {
            return Err(RingError::Kid);
        }
        if key.len() < Self::MIN_BYTES {
            return Err(RingError::Short { kid, bytes: key.len() });
        }
        let mut distinct: Vec<u8> = key.bytes().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < Self::MIN_DISTINCT_BYTES {
            return Err(RingError::Weak { kid });
        }
        Ok(Self { kid, key, activates_at, retired_at, derived: Arc::default() })
    }

    /// The name that goes into what this key makes.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// From when on its successor makes everything new; `None` for the newest key.
    pub fn retired_at(&self) -> Option<Timestamp> {
        self.retired_at
    }

    /// HKDF-SHA256 (RFC 5869) of the key, with the purpose as its `info`. It is made once and kept: every call with a
    /// token needs it.
    pub fn derive(&self, purpose: Purpose) -> &DerivedKey {
        self.derived[purpose as usize].get_or_init(|| self.derive_anew(purpose))
    }

    fn derive_anew(&self, purpose: Purpose) -> DerivedKey {
        let mut derived = [0; 32];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ai-foundry").extract(self.key.as_bytes());
        prk.expand(&[purpose.info().as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut derived))
            .expect("32 bytes are within what HKDF-SHA256 expands to");
        DerivedKey(derived)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.kid)
    }
}

/// A key for one [`Purpose`].
pub struct DerivedKey([u8; 32]);

impl DerivedKey {
    /// The bytes, for a library that takes a key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA256 of `message`.
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), message);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Whether `tag` is the first bytes (at least 16) of the HMAC of `message`; in constant time.
    pub fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        let right = self.tag(message);
        (16..=right.len()).contains(&tag.len())
            && constant_time::verify_slices_are_equal(&right[..tag.len()], tag).is_ok()
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey")
    }
}

/// A key as the secret has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) kid: String,
    pub(super) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) activates_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retired_at: Option<Timestamp>,
}

/// The secret: the newest key, and behind it the older ones, the youngest first.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRing {
    #[serde(flatten)]
    pub(super) newest: Stored,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) previous: Vec<Stored>,
}

/// The current key, which makes everything new; older ones, which still verify; and, for the first minutes after a
/// rotation, a newer one, which verifies already and makes nothing yet: by the time it does, every function knows it.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// Never empty; the newest first.
    pub(super) keys: Arc<[SecretKey]>,
    current: usize,
}

impl KeyRing {
    /// Parses the secret: `{"kid", "key", "activates_at", "previous": [{"kid", "key", "activates_at", "retired_at"}]}`.
    /// No key counts as active yet that says when it becomes so: see [`KeyRing::at`].
    pub fn parse(json: &str) -> Result<Self, RingError> {
        let StoredRing { newest, previous } = serde_json::from_str(json).map_err(|_| RingError::Form)?;
        let mut keys: Vec<SecretKey> = Vec::with_capacity(previous.len() + 1);
        for stored in std::iter::once(newest).chain(previous) {
            let key = SecretKey::checked(stored)?;
            if keys.iter().any(|known| known.kid == key.kid) {
                return Err(RingError::Twice { kid: key.kid });
            }
            keys.push(key);
        }
        Ok(Self::of(keys).at(Timestamp::from_millis(0)))
    }

    /// The ring as it is at `now`: the newest key that is active makes what is new.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self { keys: Arc::clone(&self.keys), current: self.current_at(now) }
    }

    /// Whether the current key is still the one at `now`.
    pub(super) fn is_of(&self, now: Timestamp) -> bool {
        self.current == self.current_at(now)
    }

    /// A ring of keys, the newest first and current; there is at least one.
    pub(super) fn of(keys: Vec<SecretKey>) -> Self {
        Self { keys: keys.into(), current: 0 }
    }

    fn current_at(&self, now: Timestamp) -> usize {
        let active = |key: &SecretKey| key.activates_at.is_none_or(|at| at <= now);
        self.keys.iter().position(active).unwrap_or(self.keys.len() - 1)
    }

    /// The key that makes everything new.
    pub fn current(&self) -> &SecretKey {
        &self.keys[self.current]
    }

    /// The key that came last. It is the current one, but for the first minutes.
    pub fn newest(&self) -> &SecretKey {
        &self.keys[0]
    }

    /// The key of a name, whatever its age.
    pub fn named(&self, kid: &str) -> Option<&SecretKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Every key, the newest first.
    pub fn all(&self) -> &[SecretKey] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdefghijklmnopqrstuv";

    #[test]
    fn the_current_key_comes_first_and_older_ones_are_found_by_name() {
        let json = format!(
            r#"{{"kid":"k2","key":"{KEY}","previous":[{{"kid":"k1","key":"{KEY}-old","retired_at":"2026-01-01T00:00:00Z"}}]}}"#
        );
        let ring = KeyRing::parse(&json).unwrap();
        assert_eq!(ring.current().kid(), "k2");
        assert_eq!(ring.named("k1").map(SecretKey::kid), Some("k1"));
        assert!(ring.named("k0").is_none());
    }

    #[test]
    fn a_key_that_becomes_active_later_verifies_and_makes_nothing_until_then() {
        let at = |seconds| Timestamp::from_seconds(seconds);
        let json = format!(
            r#"{{"kid":"k3","key":"{KEY}3","activates_at":"{}","previous":[
                {{"kid":"k2","key":"{KEY}2","activates_at":"{}","retired_at":"{}"}},
                {{"kid":"k1","key":"{KEY}1","retired_at":"{}"}}]}}"#,
            at(700),
            at(600),
            at(700),
            at(600)
        );
        let ring = KeyRing::parse(&json).unwrap();
        let current = |seconds| ring.at(at(seconds)).current().kid().to_owned();
        assert_eq!([ring.current().kid(), ring.newest().kid()], ["k1", "k3"]);
        assert_eq!([current(599), current(600), current(699), current(700)], ["k1", "k2", "k2", "k3"]);
        assert!(ring.is_of(at(599)) && !ring.is_of(at(600)));
        assert!(["k1", "k2", "k3"].iter().all(|kid| ring.named(kid).is_some()));
    }

    #[test]
    fn short_weak_nameless_and_doubled_keys_are_refused() {
        for (json, error) in [
            ("supersecretkey".to_owned(), RingError::Form),
            (
                r#"{"kid":"k","key":"supersecretkey"}"#.to_owned(),
                RingError::Short { kid: "k".into(), bytes: 14 },
            ),
            (
                format!(r#"{{"kid":"k","key":"{}"}}"#, "changeme".repeat(8)),
                RingError::Weak { kid: "k".into() },
            ),
            (format!(r#"{{"kid":"a.b","key":"{KEY}"}}"#), RingError::Kid),
            (
                format!(r#"{{"kid":"k","key":"{KEY}","previous":[{{"kid":"k","key":"{KEY}"}}]}}"#),
                RingError::Twice { kid: "k".into() },
            ),
        ] {
            assert_eq!(KeyRing::parse(&json).unwrap_err(), error);
        }
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let ring = KeyRing::parse(&format!(r#"{{"kid":"k","key":"{KEY}"}}"#)).unwrap();
        let purposes = Purpose::ALL;
        let mut derived: Vec<_> = purposes.iter().map(|p| *ring.current().derive(*p).expose()).collect();
        derived.sort_unstable();
        derived.dedup();
        assert_eq!(derived.len(), purposes.len());
    }

    #[test]
    fn a_tag_verifies_whole_or_cut_to_sixteen_bytes_but_not_shorter() {
        let ring = KeyRing::parse(&format!(r#"{{"kid":"k","key":"{KEY}"}}"#)).unwrap();
        let key = ring.current().derive(Purpose::Cursor);
        let tag = key.tag(b"message");
        assert!(key.verifies(b"message", &tag) && key.verifies(b"message", &tag[..16]));
        assert!(!key.verifies(b"message", &tag[..15]) && !key.verifies(b"message", &[]));
        assert!(!key.verifies(b"massage", &tag));
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let ring = KeyRing::parse(&format!(r#"{{"kid":"k","key":"{KEY}"}}"#)).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing { keys: [SecretKey(k)], current: 0 }");
        assert_eq!(format!("{:?}", ring.current().derive(Purpose::Cursor)), "DerivedKey");
    }
}
