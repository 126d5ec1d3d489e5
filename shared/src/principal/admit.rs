//! What a key may be used for, beyond who it is: how fast, and how much. Asked last, so that a call that
//! is refused for another reason costs nothing.

use super::Principal;
use crate::api_key::KeyRate;
use crate::clock::Timestamp;
use crate::context::Core;
use crate::id::ApiKeyId;
use crate::limit::{Quota, Slid, Spent};
use crate::problem::{Kind, Problem, RateLimit};
use crate::table::StoreError;

/// Whether a key may be used once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and that is counted.
    Through {
        /// How its rate limit stands.
        rate: Option<RateLimit>,
        /// What is left of its quota.
        remaining: Option<u32>,
    },
    /// It is used too fast.
    TooFast(RateLimit),
    /// Its quota is used up; the rate that it has was counted.
    UsedUp {
        /// How its rate limit stands.
        rate: Option<RateLimit>,
        /// What is left: less than was asked for.
        remaining: u32,
        /// Whole seconds until there is another.
        wait_seconds: u64,
    },
}

impl Core {
    /// Counts a use of a key that costs `cost`, by its rate first and its quota then.
    pub async fn admit_key(
        &self,
        key: ApiKeyId,
        (rate, quota): (Option<KeyRate>, Option<Quota>),
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let (subject, limiter) = (key.to_string(), &self.limiter);
        let rate = match rate {
            None => None,
            Some(rate) => match limiter.slide(rate.sliding(), &subject, cost, now, &self.entropy).await? {
                Slid::Through(state) => Some(state),
                Slid::Full(state) => return Ok(Admission::TooFast(state)),
            },
        };
        let remaining = match quota {
            None => None,
            Some(quota) => match limiter.spend(quota, &subject, cost, now).await? {
                Spent::Through { remaining } => Some(remaining),
                Spent::Exceeded { remaining, wait_seconds } => {
                    return Ok(Admission::UsedUp { rate, remaining, wait_seconds });
                }
            },
        };
        Ok(Admission::Through { rate, remaining })
    }
}

/// Counts a call to a route of ours, if it was made with a key that has limits: how its rate limit stands
/// then, for the headers of the answer.
pub async fn admit(core: &Core, principal: &Principal) -> Result<Option<RateLimit>, Problem> {
    let Principal::ApiKey { key, rate, quota, .. } = principal else { return Ok(None) };
    match core.admit_key(*key, (*rate, *quota), 1, core.clock.now()).await? {
        Admission::Through { rate, .. } => Ok(rate),
        Admission::TooFast(state) => Err(Problem::too_fast(state)),
        Admission::UsedUp { rate, wait_seconds, .. } => {
            let problem = Problem::of(Kind::QuotaExceeded).retry_after(wait_seconds);
            Err(Problem { rate_limit: rate.map(Box::new), ..problem })
        }
    }
}
