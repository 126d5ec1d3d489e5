//! What a password may be. Whatever is taken is hashed as it came: nothing is trimmed, cut or
//! normalised, and every character counts, NUL included. Beside it, the routes below `/auth/password`.

pub(crate) mod change;
pub(crate) mod forgot;
pub(crate) mod reset;
mod rules;
mod settings;
mod well_known;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use shared::name::Name;
use shared::problem::Violation;
use shared::user::Email;

pub use self::rules::PasswordRules;
pub use self::settings::Passwords;

/// What somebody gives as their password: bounded, and nothing else. The rules for a new one do
/// not apply, so that making them stricter locks nobody out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(Arc<str>);

impl Password {
    /// As many as the longest new password can have in UTF-8.
    const BYTES_MAX: usize = 4 * NewPassword::CHARS_MAX;

    /// The bytes, to be hashed.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl FromStr for Password {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        if text.len() > Self::BYTES_MAX {
            return Err(Violation::new("too_long", format!("has more than {} bytes", Self::BYTES_MAX)));
        }
        Ok(Self(text.into()))
    }
}

impl JsonSchema for Password {
    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "writeOnly": true })
    }
}

/// A password that somebody chooses. [`PasswordRules`] make it: what they ask for is a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPassword(Password);

impl NewPassword {
    const CHARS_MAX: usize = 128;
    /// Shorter words turn up in good passwords by chance.
    const WORD_CHARS_MIN: usize = 4;
    const PRODUCT: &str = "AI Foundry";

    /// Refuses what anybody who attacks this very account tries first: the address, its part
    /// before the `@`, the names of the organisation and of the product, whatever their case and
    /// whatever stands around them.
    pub(crate) fn check_guess(
        &self,
        email: Option<&Email>,
        organization: Option<&Name>,
    ) -> Result<(), Violation> {
        let password = plain(&self.0.0);
        let holds = |word: &str| {
            let word = plain(word);
            word.chars().count() >= Self::WORD_CHARS_MIN && password.contains(&word)
        };
        let local = |email: &Email| email.as_str().split('@').next().is_some_and(holds);
        let what = if email.is_some_and(|email| holds(email.as_str()) || local(email)) {
            "e-mail address"
        } else if organization.is_some_and(|name| holds(name.as_str())) {
            "organisation's name"
        } else if holds(Self::PRODUCT) {
            "product's name"
        } else {
            return Ok(());
        };
        Err(Violation::new("guessable", format!("contains the {what}")))
    }

    /// The password, to be looked at.
    pub(crate) fn as_password(&self) -> &Password {
        &self.0
    }

    /// The password, whose rules are kept.
    pub(crate) fn into_password(self) -> Password {
        self.0
    }
}

impl JsonSchema for NewPassword {
    fn schema_name() -> Cow<'static, str> {
        "NewPassword".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "password",
            "writeOnly": true,
            "description": "A deployment may ask for more characters; 12 is what it asks for by default.",
            "minLength": PasswordRules::CHARS_MIN_LEAST,
            "maxLength": Self::CHARS_MAX,
        })
    }
}

/// How words are compared: lower case, no spaces.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(text: &str) -> NewPassword {
        PasswordRules::default().check(text).unwrap()
    }

    #[test]
    fn every_character_is_kept() {
        let text = " \u{0}\t e\u{301} \u{e9}  \u{1F980} \n ";
        assert_eq!(new(text).into_password().expose(), text.as_bytes());
    }

    #[test]
    fn any_password_of_bounded_length_can_be_tried() {
        for text in ["", "short", &"a".repeat(512)] {
            assert!(text.parse::<Password>().is_ok(), "{text}");
        }
        assert_eq!("a".repeat(513).parse::<Password>().unwrap_err().code, "too_long");
    }

    fn verdict(password: &str, email: &str, organization: &str) -> Option<String> {
        let (email, organization) = (email.parse().unwrap(), organization.parse().unwrap());
        new(password).check_guess(Some(&email), Some(&organization)).err().map(|violation| violation.detail)
    }

    #[test]
    fn what_is_known_of_the_account_is_no_password() {
        let (email, name) = ("contains the e-mail address", "contains the organisation's name");
        for (password, expected) in [
            ("grace@example.com", Some(email)),
            ("Grace@Example.COM", Some(email)),
            ("2026-GRACE-2026", Some(email)),
            ("blue bird blue bird", Some(name)),
            ("BlueBird!BlueBird!", Some(name)),
            ("my ai foundry login", Some("contains the product's name")),
            ("example.com is fine", None),
            ("correct horse battery", None),
        ] {
            assert_eq!(
                verdict(password, "grace@example.com", "Blue  Bird").as_deref(),
                expected,
                "{password}"
            );
        }
    }

    #[test]
    fn words_that_turn_up_by_chance_do_not_count() {
        assert_eq!(verdict("ada is a short name", "ada@example.com", "A"), None);
    }

    #[test]
    fn fields_that_could_not_be_read_are_not_compared() {
        assert!(new("correct horse battery").check_guess(None, None).is_ok());
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", new("correct horse battery")), "NewPassword(Password)");
    }
}
