//! What a new password has to be in this deployment.

use std::str::FromStr;

use shared::config::ConfigError;
use shared::http::Fields;
use shared::problem::Violation;

use super::well_known::is_well_known;
use super::{NewPassword, Password};

/// How few characters a new password may have. All other rules are the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    chars_min: usize,
}

impl PasswordRules {
    const SETTING: &str = "PASSWORD_MIN_LENGTH";
    const DEFAULT: Self = Self { chars_min: 12 };
    /// What NIST SP 800-63B and ASVS 5.0 let nobody go below.
    pub(super) const CHARS_MIN_LEAST: usize = 8;
    /// More, and people write them down.
    const CHARS_MIN_MOST: usize = 64;

    /// The rules of a deployment whose setting says `text`.
    pub fn from_setting(text: Option<&str>) -> Result<Self, ConfigError> {
        let Some(text) = text else { return Ok(Self::DEFAULT) };
        let (least, most) = (Self::CHARS_MIN_LEAST, Self::CHARS_MIN_MOST);
        let chars_min = text.parse().ok().filter(|chars| (least..=most).contains(chars));
        let why = || format!("`{text}` is no number from {least} to {most}");
        chars_min.map(|chars_min| Self { chars_min }).ok_or_else(|| ConfigError::bad(Self::SETTING, why()))
    }

    /// A new password in the field `name`, which has to be there.
    pub(crate) fn field(self, fields: &mut Fields<'_>, name: &str) -> Option<NewPassword> {
        let Text(text) = fields.text(name)?;
        self.check(&text).map_err(|violation| fields.reject(name, violation)).ok()
    }

    /// The first rule that `text` breaks, if there is one.
    pub(crate) fn check(self, text: &str) -> Result<NewPassword, Violation> {
        match text.chars().count() {
            n if n < self.chars_min => {
                Err(Violation::new("too_short", format!("has fewer than {} characters", self.chars_min)))
            }
            n if n > NewPassword::CHARS_MAX => Err(Violation::new(
                "too_long",
                format!("has more than {} characters", NewPassword::CHARS_MAX),
            )),
            _ if is_well_known(text) => {
                Err(Violation::new("common", "is one of the passwords that everybody tries first"))
            }
            _ => text.parse::<Password>().map(NewPassword),
        }
    }
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A text as it came.
struct Text(String);

impl FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(rules: PasswordRules, text: &str) -> Option<&'static str> {
        rules.check(text).err().map(|violation| violation.code)
    }

    #[test]
    fn length_is_counted_in_characters() {
        for (text, expected) in [
            ("a".repeat(11), Some("too_short")),
            ("\u{1F980}".repeat(11), Some("too_short")),
            ("a".repeat(12), None),
            ("\u{1F980}".repeat(128), None),
            ("a".repeat(129), Some("too_long")),
            ("\u{1F980}".repeat(2000), Some("too_long")),
        ] {
            assert_eq!(code(PasswordRules::default(), &text), expected, "{text}");
        }
    }

    #[test]
    fn the_least_is_a_setting() {
        for (setting, too_short, enough) in
            [(None, 11, 12), (Some("8"), 7, 8), (Some("15"), 14, 15), (Some("64"), 63, 64)]
        {
            let rules = PasswordRules::from_setting(setting).unwrap();
            assert_eq!(code(rules, &"\u{17c}".repeat(too_short)), Some("too_short"), "{setting:?}");
            assert_eq!(code(rules, &"\u{17c}".repeat(enough)), None, "{setting:?}");
        }
    }

    #[test]
    fn a_setting_out_of_bounds_stops_the_start() {
        for setting in ["7", "65", "0", "-12", "twelve", "12.5", ""] {
            assert_eq!(
                PasswordRules::from_setting(Some(setting)).unwrap_err(),
                ConfigError::bad("PASSWORD_MIN_LENGTH", format!("`{setting}` is no number from 8 to 64"))
            );
        }
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        let eight = PasswordRules::from_setting(Some("8")).unwrap();
        for text in ["baseball", "BaseBall", "QWERTYUIOP", "1q2w3e4r5t6y"] {
            assert_eq!(code(eight, text), Some("common"), "{text}");
        }
        assert_eq!(code(PasswordRules::default(), "Qwerty123456"), Some("common"));
        // Too short is what a person can act on.
        assert_eq!(code(PasswordRules::default(), "baseball"), Some("too_short"));
        assert_eq!(code(eight, "baseball bat"), None);
    }
}
