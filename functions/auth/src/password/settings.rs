//! What a deployment says about passwords.

use shared::config::{ConfigError, Settings};

use super::PasswordRules;
use crate::breached::Breached;
use crate::level::Level;

/// What a deployment says about passwords; what it says nothing about is as in production.
#[derive(Clone)]
pub struct Passwords {
    /// What a new one has to be.
    pub rules: PasswordRules,
    /// Who is asked whether it has leaked.
    pub breached: Breached,
    /// How long a failed login takes.
    pub level: Level,
}

impl Passwords {
    /// As the settings have it.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let rules = PasswordRules::from_setting(settings.get("PASSWORD_MIN_LENGTH"))?;
        let breached = Breached::from_setting(settings.get("BREACHED_PASSWORDS_URL"))?;
        Ok(Self { rules, breached, ..Self::default() })
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { rules: PasswordRules::default(), breached: Breached::off(), level: Level::of_logins() }
    }
}
