//! The keys of SECRET_KEY and what is derived from them.

use std::fmt;

use aws_lc_rs::{constant_time, hkdf, hmac};
use serde::Deserialize;

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
pub struct SecretKey {
    kid: String,
    key: String,
}

impl SecretKey {
    /// The least a key may have.
    pub const MIN_BYTES: usize = 32;
    /// A random key of 32 bytes has far more; `aaaa…` and `abcabc…` have fewer.
    const MIN_DISTINCT_BYTES: usize = 10;

    fn checked(kid: String, key: String) -> Result<Self, RingError> {
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
        Ok(Self { kid, key })
    }

    /// The name that goes into what this key makes.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// HKDF-SHA256 (RFC 5869) of the key, with the purpose as its `info`.
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
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

/// The current key, which makes everything new, and older ones, which still verify.
#[derive(Debug)]
pub struct KeyRing {
    /// Never empty; the current key first.
    keys: Vec<SecretKey>,
}

impl KeyRing {
    /// Parses the secret: `{"kid", "key", "previous": [{"kid", "key", "retired_at"}]}`.
    pub fn parse(json: &str) -> Result<Self, RingError> {
        #[derive(Deserialize)]
        struct Stored {
            kid: String,
            key: String,
            #[serde(default)]
            previous: Vec<Previous>,
        }
        #[derive(Deserialize)]
        struct Previous {
            kid: String,
            key: String,
        }
        let stored: Stored = serde_json::from_str(json).map_err(|_| RingError::Form)?;
        let mut keys = vec![SecretKey::checked(stored.kid, stored.key)?];
        for previous in stored.previous {
            let key = SecretKey::checked(previous.kid, previous.key)?;
            if keys.iter().any(|known| known.kid == key.kid) {
                return Err(RingError::Twice { kid: key.kid });
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// The key that makes everything new.
    pub fn current(&self) -> &SecretKey {
        &self.keys[0]
    }

    /// The key of a name, current or older.
    pub fn named(&self, kid: &str) -> Option<&SecretKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Every key, the current one first.
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
        let purposes = [Purpose::AccessToken, Purpose::RefreshToken, Purpose::WebhookSecret, Purpose::Cursor];
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
        assert_eq!(format!("{ring:?}"), "KeyRing { keys: [SecretKey(k)] }");
        assert_eq!(format!("{:?}", ring.current().derive(Purpose::Cursor)), "DerivedKey");
    }
}
