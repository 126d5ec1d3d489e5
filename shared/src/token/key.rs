//! API keys as text: `aif_live_<22: key id>_<43: 256 random bits>_<6: CRC-32>`, in base 62.
//!
//! The prefix lets a scanner find a leaked key; the checksum lets a wrong one be refused with no
//! read; the key id is what it is looked up by.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};

use super::base62;
use crate::entropy::{Entropy, NoEntropy};
use crate::id::ApiKeyId;
use crate::problem::Violation;

/// Whether a key works on real data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real data.
    Live,
    /// A trial.
    Test,
}

impl Environment {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "aif_live_",
            Self::Test => "aif_test_",
        }
    }
}

impl std::str::FromStr for Environment {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(Violation::new("invalid_format", "expected `live` or `test`")),
        }
    }
}

/// SHA-256 of a key's whole text: 256 random bits need no pepper and no slow hash.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyDigest(String);

impl KeyDigest {
    fn of(text: &str) -> Self {
        use base64::Engine;
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self(base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest))
    }

    /// Whether both are of the same key; in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

impl KeyDigest {
    /// Names the secret in a token that it was exchanged for: 72 of its 256 bits, which tell nobody what it is.
    pub fn name(&self) -> &str {
        self.0.get(..12).unwrap_or_default()
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest")
    }
}

/// A text that has the form and the checksum of a key. Whether the key exists is for the table.
pub struct KeyToken {
    id: ApiKeyId,
    environment: Environment,
    text: String,
}

impl KeyToken {
    const ID_CHARS: usize = 22;
    const SECRET_CHARS: usize = 43;
    const CHECK_CHARS: usize = 6;
    /// What every key starts with, and no access token does.
    pub const PREFIX: &str = "aif_";

    /// A new secret for the key `id`.
    pub fn generate(id: ApiKeyId, environment: Environment, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let secret = base62::encode(&entropy.bytes::<32>()?, Self::SECRET_CHARS);
        let body = format!("{}{}_{secret}", environment.prefix(), Self::public_part(id));
        Ok(Self { id, environment, text: format!("{body}_{}", check(&body)) })
    }

    fn public_part(id: ApiKeyId) -> String {
        base62::encode(&id.to_bytes(), Self::ID_CHARS)
    }

    /// Takes a text apart. `None` for whatever is not a key: no read is spent on it.
    pub fn parse(text: &str) -> Option<Self> {
        let environment =
            [Environment::Live, Environment::Test].into_iter().find(|e| text.starts_with(e.prefix()))?;
        let mut parts = text[environment.prefix().len()..].split('_');
        let (id, secret, sum) = (parts.next()?, parts.next()?, parts.next()?);
        let lengths =
            [id.len(), secret.len(), sum.len()] == [Self::ID_CHARS, Self::SECRET_CHARS, Self::CHECK_CHARS];
        if parts.next().is_some() || !lengths || !base62::is_base62(secret) {
            return None;
        }
        let body = &text[..text.len() - Self::CHECK_CHARS - 1];
        let id = ApiKeyId::from_bytes(base62::decode_u128(id)?.to_be_bytes());
        (check(body) == sum).then(|| Self { id, environment, text: text.to_owned() })
    }

    /// Which key it says it is.
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// Which environment it says it is for.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// What the table compares.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.text)
    }

    /// The public part, by which a person recognises the key.
    pub fn hint(&self) -> String {
        format!("{}{}_…", self.environment.prefix(), Self::public_part(self.id))
    }

    /// The whole key, for the one answer that shows it.
    pub fn reveal_once(self) -> String {
        self.text
    }
}

impl fmt::Debug for KeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyToken({})", self.id)
    }
}

fn check(body: &str) -> String {
    base62::encode(&crc32fast::hash(body.as_bytes()).to_be_bytes(), KeyToken::CHECK_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn key() -> KeyToken {
        let entropy = Entropy::system();
        let id = ApiKeyId::new(Timestamp::from_seconds(1_767_225_600), &entropy).unwrap();
        KeyToken::generate(id, Environment::Live, &entropy).unwrap()
    }

    #[test]
    fn a_key_is_prefix_id_secret_and_checksum() {
        let key = key();
        let (id, hint) = (key.id(), key.hint());
        let text = key.reveal_once();
        assert_eq!(text.len(), "aif_live_".len() + 22 + 1 + 43 + 1 + 6);
        let parsed = KeyToken::parse(&text).unwrap();
        assert_eq!((parsed.id(), parsed.environment(), parsed.hint()), (id, Environment::Live, hint));
    }

    #[test]
    fn one_wrong_character_anywhere_is_refused_without_a_read() {
        let text = key().reveal_once();
        for place in 0..text.len() {
            let mut wrong: Vec<char> = text.chars().collect();
            wrong[place] = if wrong[place] == 'x' { 'y' } else { 'x' };
            assert!(KeyToken::parse(&wrong.iter().collect::<String>()).is_none(), "place {place}");
        }
        for wrong in [
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!("{text}_"),
            "",
            "aif_live_",
            "aif_live_\u{e9}",
        ] {
            assert!(KeyToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn ten_thousand_keys_have_the_form_and_share_no_part() {
        let mut parts = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let text = key().reveal_once();
            assert!(KeyToken::parse(&text).is_some(), "{text}");
            let given: Vec<_> = text.split('_').collect();
            assert_eq!(given[..2], ["aif", "live"]);
            assert_eq!(given[2..].iter().map(|part| part.len()).collect::<Vec<_>>(), [22, 43, 6]);
            assert!(given[2..].iter().all(|part| base62::is_base62(part)), "{text}");
            assert!(parts.insert(given[2].to_owned()) && parts.insert(given[3].to_owned()), "{text}");
        }
    }

    #[test]
    fn the_environment_is_under_the_checksum() {
        let text = key().reveal_once().replace("aif_live_", "aif_test_");
        assert!(KeyToken::parse(&text).is_none());
    }

    #[test]
    fn the_digest_of_a_key_matches_only_that_key() {
        let (one, other) = (key(), key());
        assert!(one.digest().matches(&one.digest()));
        assert!(!one.digest().matches(&other.digest()));
    }
}
