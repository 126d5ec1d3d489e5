//! Signing secrets (Standard Webhooks 1.0): `whsec_` and base64 of 24 to 64 bytes.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::entropy::{Entropy, NoEntropy};
use crate::id::WebhookId;
use crate::problem::Violation;
use crate::secret::{KeyRing, Purpose, Sealed, UnsealError};

/// What the deliveries of one webhook are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    const PREFIX: &str = "whsec_";
    const NEW_BYTES: usize = 32;

    /// A new one.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(entropy.bytes::<{ Self::NEW_BYTES }>()?.to_vec()))
    }

    /// Its text, for the one answer that shows it.
    pub fn reveal_once(&self) -> String {
        format!("{}{}", Self::PREFIX, STANDARD.encode(&self.0))
    }

    /// `v1,` and base64 of the HMAC-SHA256 over `message` (Standard Webhooks 1.0).
    pub fn sign(&self, message: &[u8]) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), message);
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Encrypted for the table, bound to its webhook.
    pub fn seal(&self, ring: &KeyRing, webhook: WebhookId, entropy: &Entropy) -> Result<Sealed, NoEntropy> {
        Sealed::seal(ring, Purpose::WebhookSecret, &webhook.to_string(), &self.0, entropy)
    }

    /// From the table.
    pub fn unseal(sealed: &Sealed, ring: &KeyRing, webhook: WebhookId) -> Result<Self, UnsealError> {
        sealed.open(ring, Purpose::WebhookSecret, &webhook.to_string()).map(Self)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

impl FromStr for SigningSecret {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let refuse = || Violation::new("invalid_secret", "expected `whsec_` and base64 of 24 to 64 bytes");
        let bytes =
            text.strip_prefix(Self::PREFIX).and_then(|text| STANDARD.decode(text).ok()).ok_or_else(refuse)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(refuse()) }
    }
}

impl schemars::JsonSchema for SigningSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SigningSecret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_24_to_64_bytes_in_base64_behind_its_prefix() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for right in [24, 32, 64] {
            assert_eq!(of(right).parse::<SigningSecret>().unwrap().reveal_once(), of(right));
        }
        let bare = of(32).trim_start_matches("whsec_").to_owned();
        for wrong in [of(23), of(65), bare, "whsec_".to_owned(), "whsec_!!!".to_owned(), String::new()] {
            assert!(wrong.parse::<SigningSecret>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", SigningSecret::generate(&Entropy::system()).unwrap()), "SigningSecret");
    }
}
