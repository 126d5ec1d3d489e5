//! What a webhook is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::header::SealedHeaders;
use super::key::{PublicKey, SealedKey};
use super::subscription::Subscription;
use crate::clock::{Timestamp, millis};
use crate::entropy::NoEntropy;
use crate::id::{OrgId, WebhookId};
use crate::name::{Description, Metadata};
use crate::problem::Violation;
use crate::secret::{Purpose, Resealing, Sealed};

/// Whether a webhook receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Active,
    /// Somebody paused it.
    Paused {
        /// When.
        at: Timestamp,
    },
    /// It was switched off.
    Disabled(Disabled),
}

/// Why and since when a webhook is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabled {
    /// The receiver answered 410 Gone.
    Gone {
        /// When.
        at: Timestamp,
    },
    /// The receiver failed for days.
    Failing {
        /// When it was switched off.
        at: Timestamp,
    },
}

/// The waits after failed attempts: one attempt more than there are waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RetrySchedule(Vec<u32>);

impl RetrySchedule {
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h: eight attempts within 27.6 hours.
    const DEFAULT: [u32; 7] = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
    /// How many waits there can be.
    pub const WAITS_MAX: usize = 15;
    /// How long one can be: three days.
    pub const WAIT_SECONDS_MAX: u32 = 3 * 24 * 3600;
    /// How long all can be together: half of the time that an event is kept.
    pub const SUM_SECONDS_MAX: u32 = 15 * 24 * 3600;
    /// How far a wait may be off in either direction, so that what failed together does not come back
    /// together.
    pub const JITTER: f64 = 0.2;

    /// From seconds: none means one attempt. `Err` says which is wrong, if it is one alone.
    pub fn new(seconds: Vec<u32>) -> Result<Self, (Option<usize>, Violation)> {
        let range = |place, detail: String| Err((place, Violation::new("out_of_range", detail)));
        if seconds.len() > Self::WAITS_MAX {
            return range(None, format!("has more than {} waits", Self::WAITS_MAX));
        }
        let odd = seconds.iter().position(|wait| !(1..=Self::WAIT_SECONDS_MAX).contains(wait));
        if odd.is_some() {
            return range(odd, format!("a wait is 1 to {} seconds", Self::WAIT_SECONDS_MAX));
        }
        if seconds.iter().sum::<u32>() > Self::SUM_SECONDS_MAX {
            return range(
                None,
                format!("the waits are more than {} seconds together", Self::SUM_SECONDS_MAX),
            );
        }
        Ok(Self(seconds))
    }

    /// The waits, in seconds.
    pub fn seconds(&self) -> &[u32] {
        &self.0
    }

    /// The wait after attempt `number`, if there is another. `jitter` is from -1 to 1.
    pub fn after(&self, number: u16, jitter: f64) -> Option<Duration> {
        let place = usize::from(number.checked_sub(1)?);
        self.0.get(place).map(|seconds| Self::wait(*seconds, jitter))
    }

    /// A wait with its jitter.
    pub fn wait(seconds: u32, jitter: f64) -> Duration {
        Duration::from_secs_f64(f64::from(seconds) * (1.0 + Self::JITTER * jitter.clamp(-1.0, 1.0)))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(Self::DEFAULT.to_vec())
    }
}

impl schemars::JsonSchema for RetrySchedule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RetrySchedule".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let seconds = Self::WAIT_SECONDS_MAX;
        schemars::json_schema!({
            "type": "array",
            "items": { "type": "integer", "minimum": 1, "maximum": seconds },
            "maxItems": Self::WAITS_MAX,
        })
    }
}

/// A secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The secret, encrypted.
    pub sealed: Sealed,
    /// The key that signs as long as it does; absent on those from before there were keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SealedKey>,
    /// Until when it signs beside its successor; absent on the current one.
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// Two rotations are still in their overlap.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("three secrets sign already: wait until the overlap of one has ended")]
pub struct TooManySecrets;

/// An endpoint and what it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Whose.
    pub org: OrgId,
    /// Where to. Checked against the egress rules when it was set, and again at each delivery.
    pub url: String,
    /// What it is for.
    pub subscription: Subscription,
    /// Its owner's words.
    pub description: Option<Description>,
    /// Headers that go along with its deliveries.
    pub headers: SealedHeaders,
    /// Its owner's notes.
    pub metadata: Metadata,
    /// How long one attempt may take in all.
    pub timeout_seconds: u32,
    /// When a delivery that fails is tried again.
    pub retry_schedule: RetrySchedule,
    /// How many deliveries are sent in a second, at the most; as many as there are if not given.
    pub max_per_second: Option<u32>,
    /// Whether it receives.
    pub status: Status,
    /// The current secret first; behind it those that still sign.
    pub secrets: Vec<SealedSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes: its `ETag`.
    pub version: u32,
    /// Counts how often what it keeps secret was sealed anew, which nobody sees and no change may undo.
    pub seals: u32,
}

impl Webhook {
    /// The default for one attempt.
    pub const TIMEOUT_SECONDS_DEFAULT: u32 = 15;
    /// The most for one attempt: the dispatcher's own time has to hold it.
    pub const TIMEOUT_SECONDS_MAX: u32 = 30;
    /// The most that can be asked for of what is sent in a second.
    pub const MAX_PER_SECOND: u32 = 1000;
    /// How many secrets sign at once: a receiver checks each.
    const SECRETS_MAX: usize = 3;

    /// The secrets that sign at `now`, the current one first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &SealedSecret> {
        self.secrets.iter().filter(move |secret| secret.valid_until.is_none_or(|end| now < end))
    }

    /// Everything encrypted that an attempt at `now` opens.
    pub fn sealed(&self, now: Timestamp) -> impl Iterator<Item = &Sealed> {
        let keys = self.signing(now).filter_map(|secret| secret.key.as_ref()).map(|key| &key.sealed);
        self.signing(now).map(|secret| &secret.sealed).chain(keys).chain(self.headers.sealed())
    }

    /// Seals everything anew that is not under the current key, what does not sign any more included.
    pub fn reseal(&mut self, resealing: &mut Resealing<'_>) -> Result<(), NoEntropy> {
        let owner = self.id.to_string();
        for secret in &mut self.secrets {
            resealing.value(&mut secret.sealed, Purpose::WebhookSecret, &owner)?;
            if let Some(key) = &mut secret.key {
                resealing.value(&mut key.sealed, Purpose::WebhookKey, &owner)?;
            }
        }
        self.headers.reseal(self.id, resealing)
    }

    /// The keys that deliveries verify with at `now`, the current one first.
    pub fn public_keys(&self, now: Timestamp) -> impl Iterator<Item = PublicKey> {
        self.signing(now).filter_map(|secret| secret.key.as_ref()).map(|key| key.public)
    }

    /// Makes `new` the current secret; the one before signs beside it for `overlap`. Gives the
    /// time until which it does. Refused while as many sign as may: each was promised its time.
    pub fn rotate(
        &mut self,
        new: SealedSecret,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, TooManySecrets> {
        if self.signing(now).count() >= Self::SECRETS_MAX {
            return Err(TooManySecrets);
        }
        let until = now.plus(overlap);
        for secret in &mut self.secrets {
            // An older overlap goes on as it was promised.
            secret.valid_until.get_or_insert(until);
        }
        self.secrets.retain(|secret| secret.valid_until.is_none_or(|end| now < end));
        self.secrets.insert(0, SealedSecret { valid_until: None, ..new });
        Ok(until)
    }
}
