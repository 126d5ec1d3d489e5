//! What a second factor is.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::entropy::NoEntropy;
use crate::id::UserId;
use crate::secret::{Purpose, Resealing, Sealed};

/// The second factor of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Whose.
    pub user: UserId,
    /// The secret of the authenticator, sealed for the person.
    pub secret: Sealed,
    /// Whether it counts.
    pub state: FactorState,
    /// The step of the last code that was accepted: none of it or before is accepted again.
    pub last_step: Option<i64>,
    /// How many recovery codes are left.
    pub recovery_codes_left: usize,
}

/// Whether a second factor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorState {
    /// Not yet: no code of it was shown.
    Pending {
        /// When it was begun.
        since: Timestamp,
    },
    /// It does.
    Confirmed {
        /// When a code of it was shown.
        since: Timestamp,
    },
}

impl Factor {
    const PENDING: Duration = Duration::from_mins(10);

    /// A factor that is begun now.
    pub fn begin(user: UserId, secret: Sealed, now: Timestamp) -> Self {
        let state = FactorState::Pending { since: now };
        Self { user, secret, state, last_step: None, recovery_codes_left: 0 }
    }

    /// Seals its secret anew, if it is not under the current key.
    pub fn reseal(&mut self, resealing: &mut Resealing<'_>) -> Result<(), NoEntropy> {
        resealing.value(&mut self.secret, Purpose::FactorSecret, &self.user.to_string())
    }

    /// Whether it counts.
    pub fn is_confirmed(&self) -> bool {
        matches!(self.state, FactorState::Confirmed { .. })
    }

    /// Whether a code of it can be shown to make it count.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        !self.is_confirmed() && now < self.pending_until()
    }

    /// Until when a code of it has to be shown.
    pub fn pending_until(&self) -> Timestamp {
        match self.state {
            FactorState::Pending { since } | FactorState::Confirmed { since } => since.plus(Self::PENDING),
        }
    }
}
