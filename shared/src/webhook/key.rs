//! Signing keys (Standard Webhooks 1.0, asymmetric): Ed25519 (RFC 8032). A receiver checks with the public key, so
//! that what it holds lets nobody sign.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::model::SealedSecret;
use super::secret::SigningSecret;
use crate::entropy::{Entropy, NoEntropy};
use crate::id::WebhookId;
use crate::secret::{KeyRing, Purpose, Sealed, UnsealError};

const BYTES: usize = 32;
const SIGNATURE_PREFIX: &str = "v1a,";

/// What receivers verify with: `whpk_` and base64 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; BYTES]);

impl PublicKey {
    const PREFIX: &str = "whpk_";

    /// Whether `part` of a signature header is of `message` and of this key.
    pub fn verifies(&self, message: &[u8], part: &str) -> bool {
        let signature = part.strip_prefix(SIGNATURE_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        signature.is_some_and(|signature| key.verify(message, &signature).is_ok())
    }

    /// The coordinate, as JSON Web Keys write it (RFC 8037, 2).
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Names the key: its thumbprint (RFC 7638), which anybody can compute.
    pub fn thumbprint(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, STANDARD.encode(self.0))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.strip_prefix(Self::PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let key = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self);
        key.ok_or_else(|| de::Error::custom("expected `whpk_` and base64 of 32 bytes"))
    }
}

impl schemars::JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^whpk_[A-Za-z0-9+/]{43}=$" })
    }
}

/// What the deliveries of one webhook are signed with, beside its secret.
pub struct SigningKey {
    seed: [u8; BYTES],
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new one.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let seed = entropy.bytes()?;
        Ok(Self { seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoEntropy)? })
    }

    /// The half that is not secret.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// `v1a,` and base64 of the signature of `message`.
    pub fn sign(&self, message: &[u8]) -> String {
        format!("{SIGNATURE_PREFIX}{}", STANDARD.encode(self.pair.sign(message)))
    }

    /// Encrypted for the table, bound to its webhook.
    pub fn seal(
        &self,
        ring: &KeyRing,
        webhook: WebhookId,
        entropy: &Entropy,
    ) -> Result<SealedKey, NoEntropy> {
        let sealed = Sealed::seal(ring, Purpose::WebhookKey, &webhook.to_string(), &self.seed, entropy)?;
        Ok(SealedKey { public: self.public(), sealed })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// A signing key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// The half that is not secret.
    pub public: PublicKey,
    /// The other one, encrypted.
    pub(super) sealed: Sealed,
}

impl SealedKey {
    /// From the table.
    pub fn unseal(&self, ring: &KeyRing, webhook: WebhookId) -> Result<SigningKey, UnsealError> {
        let seed = self.sealed.open(ring, Purpose::WebhookKey, &webhook.to_string())?;
        let seed: [u8; BYTES] = seed.try_into().map_err(|_| UnsealError::Damaged)?;
        // A public key that is not of the seed is refused here: nobody could verify what it signs.
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &self.public.0);
        Ok(SigningKey { seed, pair: pair.map_err(|_| UnsealError::Damaged)? })
    }
}

impl SealedSecret {
    /// A secret with a new key beside it: they begin, overlap and end together.
    pub fn with_new_key(
        secret: &SigningSecret,
        ring: &KeyRing,
        webhook: WebhookId,
        entropy: &Entropy,
    ) -> Result<Self, NoEntropy> {
        let sealed = secret.seal(ring, webhook, entropy)?;
        let key = SigningKey::generate(entropy)?.seal(ring, webhook, entropy)?;
        Ok(Self { sealed, key: Some(key), valid_until: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    /// RFC 8032, 7.1, test 2; its thumbprint is of RFC 7638's rule, and the key of RFC 8037, A.3, has the one there.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let byte = |place: usize| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).unwrap();
        std::array::from_fn(byte)
    }

    fn key_of_the_rfc() -> SigningKey {
        SigningKey::generate(&Entropy::from_fn(|bytes| {
            bytes.copy_from_slice(&hex::<BYTES>(SEED));
            Ok(())
        }))
        .unwrap()
    }

    #[test]
    fn the_vector_of_rfc_8032_is_signed_alike_and_verifies() {
        let key = key_of_the_rfc();
        let expected = format!("v1a,{}", STANDARD.encode(hex::<64>(SIGNATURE)));
        assert_eq!(key.sign(&[0x72]), expected);
        assert!(key.public().verifies(&[0x72], &expected));
        for wrong in ["", "v1a,", "v1a,!", &expected.replace("v1a", "v1"), &expected[..20]] {
            assert!(!key.public().verifies(&[0x72], wrong), "{wrong}");
        }
        assert!(!key.public().verifies(&[0x73], &expected));
    }

    #[test]
    fn a_key_is_named_by_the_thumbprint_of_rfc_8037() {
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = PublicKey(x.try_into().unwrap());
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(serde_json::to_value(key).unwrap(), "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    }

    #[test]
    fn a_key_opens_for_its_webhook_with_its_public_half_and_does_not_print() {
        let ring = KeyRing::parse(r#"{"kid":"k","key":"0123456789abcdefghijklmnopqrstuv"}"#).unwrap();
        let entropy = Entropy::system();
        let id = |seconds| WebhookId::new(Timestamp::from_seconds(seconds), &entropy).unwrap();
        let (one, other) = (id(1), id(2));
        let sealed = SigningKey::generate(&entropy).unwrap().seal(&ring, one, &entropy).unwrap();
        assert_eq!(sealed.unseal(&ring, one).unwrap().public(), sealed.public);
        assert_eq!(sealed.unseal(&ring, other).unwrap_err(), UnsealError::Damaged);
        let mixed = SealedKey { public: key_of_the_rfc().public(), ..sealed };
        assert_eq!(mixed.unseal(&ring, one).unwrap_err(), UnsealError::Damaged);
        assert_eq!(format!("{:?}", key_of_the_rfc()), "SigningKey");
    }
}
