//! Every setting, in one list, read once. A missing or weak one stops the start with a message
//! that names it; nothing has a default that would be wrong in production.
//!
//! `template.yaml` gives each function the settings it reads; a test compares the two.

mod forms;
mod list;

use std::fmt;

pub use forms::EmailVerification;
pub use list::SETTINGS;

/// One setting: an environment variable.
#[derive(Debug)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Whether a function that reads it starts without it. An empty value counts as absent.
    pub required: bool,
    /// The functions that read it.
    pub read_by: &'static [&'static str],
}

/// A deployment stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A developer's own.
    Dev,
    /// As production, without customers.
    Staging,
    /// Customers.
    Prod,
}

impl Stage {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }
}

/// What every function needs.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// The deployment stage.
    pub stage: Stage,
    /// Name of the DynamoDB table that holds everything but counters.
    pub table_name: String,
    /// Name of the table with the counters of limits; only functions that count have it.
    pub limits_table_name: Option<String>,
    /// Name or ARN of the secret.
    pub secret_key_arn: String,
    /// `iss` of access tokens; only functions that read tokens have it.
    pub jwt_issuer: Option<String>,
}

/// What is wrong with the settings: all of it, not the first.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    /// One setting with a value that cannot be used.
    pub fn bad(name: &str, why: impl fmt::Display) -> Self {
        Self(vec![format!("{name}: {why}")])
    }

    /// An error that names its setting itself.
    pub fn of(why: impl fmt::Display) -> Self {
        Self(vec![why.to_string()])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

/// The settings of one function, all present.
#[derive(Debug)]
pub struct Settings {
    values: Vec<(&'static str, String)>,
}

impl Settings {
    /// Reads the settings of `function` from the environment.
    pub fn from_environment(function: &str) -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
        Self::read(function, |name| std::env::var(name).ok())
    }

    /// Reads the settings of `function` through `lookup`. All that are missing are named at once.
    pub fn read(function: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut values = Vec::new();
        let mut missing = Vec::new();
        for setting in SETTINGS.iter().filter(|setting| setting.read_by.contains(&function)) {
            match lookup(setting.name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
            {
                Some(value) => values.push((setting.name, value)),
                None if setting.required => {
                    missing.push(format!("{} is missing. {}", setting.name, setting.about));
                }
                None => {}
            }
        }
        if missing.is_empty() { Ok(Self { values }) } else { Err(ConfigError(missing)) }
    }

    /// The value of a setting, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a setting without which the function does not start.
    pub fn require(&self, name: &str) -> Result<&str, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::bad(name, "is missing"))
    }

    /// What every function needs.
    pub fn core(&self) -> Result<CoreConfig, ConfigError> {
        let stage = match self.require("STAGE")? {
            "dev" => Stage::Dev,
            "staging" => Stage::Staging,
            "prod" => Stage::Prod,
            other => {
                return Err(ConfigError::bad(
                    "STAGE",
                    format_args!("`{other}` is none of dev, staging, prod"),
                ));
            }
        };
        Ok(CoreConfig {
            stage,
            table_name: self.require("TABLE_NAME")?.to_owned(),
            limits_table_name: self.get("LIMITS_TABLE_NAME").map(str::to_owned),
            secret_key_arn: self.require("SECRET_KEY_ARN")?.to_owned(),
            jwt_issuer: self.get("JWT_ISSUER").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(function: &str, given: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::read(function, |name| {
            given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_missing_setting_is_named_at_once() {
        let error = settings("auth", &[("STAGE", "dev"), ("TABLE_NAME", "  ")]).unwrap_err().to_string();
        assert!(error.starts_with("cannot start: TABLE_NAME is missing."), "{error}");
        assert!(
            error.contains("SECRET_KEY_ARN is missing.") && error.contains("JWT_ISSUER is missing."),
            "{error}"
        );
        assert!(!error.contains("MAIL_FROM"), "auth does not read it: {error}");
    }

    #[test]
    fn a_stage_that_does_not_exist_is_named() {
        let given = [
            ("STAGE", "production"),
            ("TABLE_NAME", "t"),
            ("SECRET_KEY_ARN", "s"),
            ("JWT_ISSUER", "i"),
            ("LIMITS_TABLE_NAME", "l"),
            ("MAIL_QUEUE_URL", "q"),
            ("DELIVERIES_QUEUE_URL", "q"),
        ];
        let error = settings("api_keys", &given).unwrap().core().unwrap_err();
        assert_eq!(error, ConfigError::bad("STAGE", "`production` is none of dev, staging, prod"));
    }

    #[test]
    fn no_setting_is_listed_twice() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
