//! What every function holds while it runs. A function that needs more has a state of its own
//! that holds this one.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::http::Held;
use crate::limit::Limiter;
use crate::observe::Observer;
use crate::rate::RateLimits;
use crate::secret::FrontSecrets;
use crate::secret::Keeper;
use crate::standing::StandingCache;
use crate::table::Table;

/// Clock, entropy, keys, table, limits, and what is told of it all.
#[derive(Clone)]
pub struct Core {
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub entropy: Entropy,
    /// SECRET_KEY.
    pub keys: Arc<Keeper>,
    /// The table.
    pub table: Table,
    /// `iss` of access tokens. A function that reads none has an empty one, which no token has.
    pub issuer: Arc<str>,
    /// The counters of limits. A function that counts nothing has a table without a name, which there is
    /// none of.
    pub limiter: Limiter,
    /// How often routes may be called.
    pub rates: Arc<RateLimits>,
    /// What the front before the API sends, where calls have to come through it.
    pub front: Option<FrontSecrets>,
    /// What is known of callers, for seconds.
    pub standings: Arc<StandingCache>,
    /// What the function tells of itself.
    pub observer: Observer,
}

impl<S> FromRef<Held<S>> for Core
where
    Core: FromRef<S>,
{
    fn from_ref(held: &Held<S>) -> Self {
        Self::from_ref(held.state())
    }
}
