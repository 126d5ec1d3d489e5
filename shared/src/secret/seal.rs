//! Encryption at rest: AES-256-GCM (NIST SP 800-38D) under a key derived from SECRET_KEY, bound
//! to the thing it belongs to, so that a sealed value moved to another item does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::ring::{KeyRing, Purpose, SecretKey};
use crate::entropy::{Entropy, NoEntropy};

/// An encrypted value: `v1.<kid>.<base64url of nonce, ciphertext and tag>`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// Why a sealed value does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnsealError {
    /// The key that sealed it is not in the ring any more.
    #[error("sealed with the key `{0}`, which SECRET_KEY does not hold")]
    KeyGone(String),
    /// Damaged, of another format, or of another item.
    #[error("a sealed value does not open")]
    Damaged,
}

fn cipher(key: &SecretKey, purpose: Purpose) -> LessSafeKey {
    let unbound = UnboundKey::new(&AES_256_GCM, key.derive(purpose).expose());
    LessSafeKey::new(unbound.expect("AES-256 takes a key of 32 bytes"))
}

impl Sealed {
    /// Encrypts `plain` for `owner` (the identifier of what it belongs to). The nonce is random: 96 bits allow 2³²
    /// values under one key before a repetition becomes likely (SP 800-38D, 8.3).
    pub fn seal(
        ring: &KeyRing,
        purpose: Purpose,
        owner: &str,
        plain: &[u8],
        entropy: &Entropy,
    ) -> Result<Self, NoEntropy> {
        let key = ring.current();
        let nonce: [u8; NONCE_LEN] = entropy.bytes()?;
        let mut sealed = plain.to_vec();
        cipher(key, purpose)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| NoEntropy)?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        Ok(Self(format!("v1.{}.{}", key.kid(), URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The key that sealed it.
    pub fn kid(&self) -> Option<&str> {
        self.0.split('.').nth(1)
    }

    /// Decrypts what was sealed for `owner`.
    pub fn open(&self, ring: &KeyRing, purpose: Purpose, owner: &str) -> Result<Vec<u8>, UnsealError> {
        let mut parts = self.0.splitn(3, '.');
        let (Some("v1"), Some(kid), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(UnsealError::Damaged);
        };
        let key = ring.named(kid).ok_or_else(|| UnsealError::KeyGone(kid.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| UnsealError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(UnsealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError::Damaged)?;
        let mut sealed = sealed.to_vec();
        cipher(key, purpose)
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut sealed)
            .map(|plain| plain.to_vec())
            .map_err(|_| UnsealError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(kid: &str) -> KeyRing {
        KeyRing::parse(&format!(r#"{{"kid":"{kid}","key":"0123456789abcdefghijklmnopqrstuv{kid}"}}"#))
            .unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_only() {
        let ring = ring("k1");
        let sealed =
            Sealed::seal(&ring, Purpose::WebhookSecret, "whk_1", b"secret", &Entropy::system()).unwrap();
        assert_eq!(sealed.open(&ring, Purpose::WebhookSecret, "whk_1"), Ok(b"secret".to_vec()));
        assert_eq!(sealed.open(&ring, Purpose::WebhookSecret, "whk_2"), Err(UnsealError::Damaged));
        assert_eq!(sealed.open(&ring, Purpose::Cursor, "whk_1"), Err(UnsealError::Damaged));
    }

    #[test]
    fn a_key_that_is_gone_is_named() {
        let sealed =
            Sealed::seal(&ring("k1"), Purpose::WebhookSecret, "a", b"s", &Entropy::system()).unwrap();
        assert_eq!(
            sealed.open(&ring("k2"), Purpose::WebhookSecret, "a"),
            Err(UnsealError::KeyGone("k1".to_owned()))
        );
    }

    #[test]
    fn damaged_values_do_not_open() {
        let ring = ring("k1");
        let Sealed(text) =
            Sealed::seal(&ring, Purpose::WebhookSecret, "a", b"s", &Entropy::system()).unwrap();
        let mut flipped = text.clone();
        flipped.pop();
        for damaged in ["", "v1", "v1.k1", "v1.k1.", "v1.k1.AAAA", "v2.k1.AAAA", &flipped] {
            let opened = Sealed(damaged.to_owned()).open(&ring, Purpose::WebhookSecret, "a");
            assert_eq!(opened, Err(UnsealError::Damaged), "{damaged}");
        }
    }
}
