//! How a deployment of one process is set up, for tests that need another than the usual one.

use auth::Level;
use shared::config::EmailVerification;
use shared::rate::RateLimits;
use shared::secret::FrontSecrets;

use crate::app::{App, nobody};
use crate::observed::Observed;

/// What differs between deployments.
pub(crate) struct Setup {
    /// Where the table is; `None` is one of the test's own.
    pub(crate) table_url: Option<String>,
    pub(crate) verification: EmailVerification,
    pub(crate) level: Level,
    pub(crate) rates: RateLimits,
    pub(crate) front: Option<FrontSecrets>,
    pub(crate) observed: Observed,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            table_url: None,
            verification: EmailVerification::Off,
            level: Level::off(),
            rates: RateLimits::default(),
            front: None,
            observed: Observed::default(),
        }
    }
}

impl App {
    /// Starts everything, in a deployment that does not verify addresses.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// Starts everything, in a deployment that verifies addresses.
    pub async fn verifying() -> Self {
        Self::with(Setup { verification: EmailVerification::On, ..Setup::default() }).await
    }

    /// Starts everything with a table that does not answer.
    pub async fn without_table() -> Self {
        Self::with(Setup { table_url: Some(nobody()), ..Setup::default() }).await
    }

    /// Starts everything, in a deployment that verifies addresses and holds failures of logins back so.
    pub async fn with_level(level: Level) -> Self {
        Self::with(Setup { verification: EmailVerification::On, level, ..Setup::default() }).await
    }

    /// Starts everything, watched by somebody.
    pub async fn watched(observed: Observed) -> Self {
        Self::with(Setup { observed, ..Setup::default() }).await
    }

    /// Starts everything, in a deployment with these `RATE_LIMITS`.
    pub async fn with_rate_limits(text: &str) -> Self {
        Self::with(Setup { rates: text.parse().unwrap(), ..Setup::default() }).await
    }

    /// Starts everything, in a deployment that is called through a front that sends one of these
    /// `ORIGIN_SECRETS`.
    pub async fn behind_front(secrets: &str) -> Self {
        Self::with(Setup { front: Some(secrets.parse().unwrap()), ..Setup::default() }).await
    }
}
