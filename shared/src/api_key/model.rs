//! What an API key is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::cidr::Cidr;
use crate::clock::{Timestamp, millis};
use crate::id::{ApiKeyId, OrgId, UserId};
use crate::limit::{Quota, Sliding};
use crate::name::{Metadata, Name};
use crate::scope::Scopes;
use crate::token::{Environment, KeyDigest, KeyToken};

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Which.
    #[serde(rename = "key")]
    pub id: ApiKeyId,
    /// Whose.
    pub org: OrgId,
    /// What its owner calls it.
    pub name: Name,
    /// What it was given. What it can do is that and what its maker can still do.
    pub scopes: Scopes,
    /// Whether it works on real data.
    pub environment: Environment,
    /// The public part of its text.
    pub hint: String,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// From when on it is not accepted.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Since when it is not accepted.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Since when it is not accepted because somebody found it where it does not belong.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub leaked_at: Option<Timestamp>,
    /// Where calls with it may come from; anywhere, when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_cidrs: Vec<Cidr>,
    /// How fast it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<KeyRate>,
    /// How much it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Its owner's notes.
    #[serde(default)]
    pub metadata: Metadata,
    /// Until when the secret before the present one is accepted too.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub previous_expires_at: Option<Timestamp>,
    /// Counts changes.
    #[serde(default = "first")]
    pub version: u32,
}

fn first() -> u32 {
    1
}

/// So many calls within any span of so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "KeyRateLimit")]
pub struct KeyRate {
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub limit: u32,
    /// How long the span is.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: u32,
}

impl KeyRate {
    /// The most calls that a limit can allow.
    pub const LIMIT_MAX: u32 = 1_000_000;
    /// The longest span: a day.
    pub const WINDOW_SECONDS_MAX: u32 = 86_400;

    /// As the limiter counts it.
    pub fn sliding(self) -> Sliding {
        Sliding { name: "api-key", limit: self.limit, seconds: self.window_seconds }
    }
}

/// When a key was last used. Written at most once in five minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// With its present secret, or with any before the first rotation.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// With the secret before.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub previous_last_used_at: Option<Timestamp>,
}

/// Whether a key is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
    /// Somebody found it where it does not belong, and showed that they have it.
    Leaked,
}

impl ApiKey {
    /// Whether there is something to switch off when it was found in the open.
    pub fn can_leak(&self) -> bool {
        self.revoked_at.is_none() && self.leaked_at.is_none()
    }

    /// A new key: what everybody has to say of it. Everything else is as if not given.
    pub fn new(
        token: &KeyToken,
        (org, created_by): (OrgId, UserId),
        name: Name,
        scopes: Scopes,
        now: Timestamp,
    ) -> Self {
        Self {
            id: token.id(),
            org,
            name,
            scopes,
            environment: token.environment(),
            hint: token.hint(),
            created_by,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            leaked_at: None,
            allowed_cidrs: Vec::new(),
            rate_limit: None,
            quota: None,
            metadata: Metadata::default(),
            previous_expires_at: None,
            version: first(),
        }
    }

    /// Whether it is accepted at `now`.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.leaked_at.is_some() {
            KeyStatus::Leaked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    /// Whether a call with it may come from `address`. Where it is bound to networks, one that nobody
    /// named is in none.
    pub fn allows(&self, address: Option<IpAddr>) -> bool {
        let within = |address: IpAddr| self.allowed_cidrs.iter().any(|cidr| cidr.contains(address));
        self.allowed_cidrs.is_empty() || address.is_some_and(within)
    }
}

/// Which of its secrets a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secret {
    /// The present one.
    Current,
    /// The one before the last rotation.
    Previous,
}

/// A key and what its text is compared with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// Of its text.
    pub digest: KeyDigest,
    /// Of the text before the last rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_digest: Option<KeyDigest>,
}

impl StoredKey {
    /// A key that has never been rotated.
    pub fn new(key: ApiKey, token: &KeyToken) -> Self {
        Self { key, digest: token.digest(), previous_digest: None }
    }

    /// Which of the key's secrets `token` has at `now`; `None` for one that it does not have any more.
    pub fn secret(&self, token: &KeyToken, now: Timestamp) -> Option<Secret> {
        let digest = token.digest();
        // Both are compared, whatever the first says.
        let current = self.digest.matches(&digest);
        let previous = self.previous_digest.as_ref().is_some_and(|before| before.matches(&digest));
        let in_grace = self.key.previous_expires_at.is_some_and(|end| now < end);
        match (self.key.environment == token.environment(), current, previous && in_grace) {
            (true, true, _) => Some(Secret::Current),
            (true, false, true) => Some(Secret::Previous),
            (true, false, false) | (false, _, _) => None,
        }
    }

    /// The same by the name of a secret ([`KeyDigest::name`]).
    pub fn secret_named(&self, name: &str, now: Timestamp) -> Option<Secret> {
        let in_grace = self.key.previous_expires_at.is_some_and(|end| now < end);
        if self.digest.name() == name {
            Some(Secret::Current)
        } else {
            let previous = self.previous_digest.as_ref().filter(|before| in_grace && before.name() == name);
            previous.map(|_| Secret::Previous)
        }
    }

    /// The same key with the secret of `token`; the one before is accepted until `previous_expires_at`,
    /// if that is ahead.
    #[must_use]
    pub fn rotated(self, token: &KeyToken, previous_expires_at: Timestamp) -> Self {
        let version = self.key.version + 1;
        let previous_expires_at = Some(previous_expires_at);
        let key = ApiKey { previous_expires_at, version, ..self.key };
        Self { key, digest: token.digest(), previous_digest: Some(self.digest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn token(id: ApiKeyId) -> KeyToken {
        KeyToken::generate(id, Environment::Live, &Entropy::system()).unwrap()
    }

    fn made() -> (StoredKey, KeyToken) {
        let entropy = Entropy::system();
        let token = token(ApiKeyId::new(NOW, &entropy).unwrap());
        let who = (OrgId::new(NOW, &entropy).unwrap(), UserId::new(NOW, &entropy).unwrap());
        let key = ApiKey::new(&token, who, "A key".parse().unwrap(), Scopes::default(), NOW);
        (StoredKey::new(key, &token), token)
    }

    #[test]
    fn a_rotated_key_takes_both_secrets_until_the_grace_ends_and_then_one() {
        let (stored, old) = made();
        let new = token(stored.key.id);
        let end = Timestamp::from_seconds(NOW.seconds() + 60);
        let rotated = stored.rotated(&new, end);
        let at = |seconds: i64| Timestamp::from_seconds(NOW.seconds() + seconds);
        let taken = |token: &KeyToken| [0, 59, 60, 61].map(|seconds| rotated.secret(token, at(seconds)));
        assert_eq!(taken(&new), [Some(Secret::Current); 4]);
        assert_eq!(taken(&old), [Some(Secret::Previous), Some(Secret::Previous), None, None]);
    }

    #[test]
    fn a_second_rotation_forgets_the_secret_before_the_last() {
        let (stored, first) = made();
        let (second, third) = (token(stored.key.id), token(stored.key.id));
        let end = Timestamp::from_seconds(NOW.seconds() + 60);
        let twice = stored.rotated(&second, end).rotated(&third, end);
        let secrets = [&first, &second, &third].map(|token| twice.secret(token, NOW));
        assert_eq!(secrets, [None, Some(Secret::Previous), Some(Secret::Current)]);
    }

    #[test]
    fn a_key_is_what_was_done_to_it_last_before_it_is_what_time_made_of_it() {
        let (StoredKey { key, .. }, _) = made();
        let (gone, later) = (Some(NOW), Timestamp::from_seconds(NOW.seconds() + 1));
        let expired = ApiKey { expires_at: gone, ..key.clone() };
        let leaked = ApiKey { leaked_at: gone, ..expired.clone() };
        let revoked = ApiKey { revoked_at: gone, ..leaked.clone() };
        let statuses = [key, expired, leaked, revoked].map(|key| key.status(later));
        let last_first = [KeyStatus::Active, KeyStatus::Expired, KeyStatus::Leaked, KeyStatus::Revoked];
        assert_eq!(statuses, last_first);
    }

    #[test]
    fn a_key_that_is_bound_to_networks_is_not_used_from_elsewhere_or_from_nowhere() {
        let (StoredKey { key, .. }, _) = made();
        let bound = ApiKey { allowed_cidrs: vec!["192.0.2.0/24".parse().unwrap()], ..key.clone() };
        let from = |key: &ApiKey| {
            ["192.0.2.7", "::ffff:192.0.2.7", "192.0.3.1", "2001:db8::1"]
                .map(|address| key.allows(address.parse().ok()))
        };
        assert_eq!((from(&key), key.allows(None)), ([true; 4], true));
        assert_eq!((from(&bound), bound.allows(None)), ([true, true, false, false], false));
    }
}
