//! What the front before the API (`CloudFront`) says to be let in: a value that nobody else knows, or two while
//! it is being changed.
//!
//! It keeps callers from going around the firewall at the front. It lets nobody in by itself: every route asks
//! for its credential all the same.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest};

/// The values that are accepted, as their digests: comparing those takes the same time whatever was sent.
#[derive(Clone)]
pub struct FrontSecrets(Vec<digest::Digest>);

/// Why a text is not usable. It does not show the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontSecretsError {
    /// More than two.
    #[error("there may be one value, or two separated by a comma while it is being changed")]
    Count,
    /// It is short, long, or has characters that no header has.
    #[error("each value has 32 to 128 characters, of letters, digits, `-` and `_`")]
    Form,
    /// It is one character, or few, again and again.
    #[error("a value repeats few characters: take a random one")]
    Weak,
    /// It is there twice.
    #[error("both values are the same")]
    Same,
}

impl FrontSecrets {
    /// The header that the front sends one of them in.
    pub const HEADER: &str = "x-origin-secret";

    const CHARACTERS_MIN: usize = 32;
    const CHARACTERS_MAX: usize = 128;
    /// Of 32 random letters and digits, fewer different ones are not seen in a lifetime.
    const DIFFERENT_MIN: usize = 10;

    /// Whether the front sent this.
    pub fn accept(&self, sent: &[u8]) -> bool {
        let sent = digest::digest(&digest::SHA256, sent);
        let same = |one: &digest::Digest| {
            constant_time::verify_slices_are_equal(one.as_ref(), sent.as_ref()).is_ok()
        };
        // All of them are compared: which one fits is not told by the time.
        self.0.iter().filter(|one| same(one)).count() > 0
    }
}

impl FromStr for FrontSecrets {
    type Err = FrontSecretsError;

    fn from_str(text: &str) -> Result<Self, FrontSecretsError> {
        let values: Vec<_> = text.split(',').map(str::trim).collect();
        if values.len() > 2 {
            return Err(FrontSecretsError::Count);
        }
        for value in &values {
            let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            if !plain || !(Self::CHARACTERS_MIN..=Self::CHARACTERS_MAX).contains(&value.len()) {
                return Err(FrontSecretsError::Form);
            }
            let mut different: Vec<u8> = value.bytes().collect();
            different.sort_unstable();
            different.dedup();
            if different.len() < Self::DIFFERENT_MIN {
                return Err(FrontSecretsError::Weak);
            }
        }
        if let [one, other] = values.as_slice()
            && one == other
        {
            return Err(FrontSecretsError::Same);
        }
        Ok(Self(values.into_iter().map(|one| digest::digest(&digest::SHA256, one.as_bytes())).collect()))
    }
}

impl fmt::Debug for FrontSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrontSecrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "k3J9-xQ2_vB7nM4tR8wY1zC6pL5hD0sFa";
    const NEW: &str = "Zq8Wn3Xe7Rv2Ty6Ui1Op5As9Df4Gh0Jk";

    #[test]
    fn one_value_or_two_are_accepted_and_nothing_else() {
        let one: FrontSecrets = OLD.parse().unwrap();
        let both: FrontSecrets = format!("{NEW}, {OLD}").parse().unwrap();
        let accepted = |secrets: &FrontSecrets| {
            [OLD, NEW, "", &OLD[1..], &NEW[..31]].map(|s| secrets.accept(s.as_bytes()))
        };
        assert_eq!(accepted(&one), [true, false, false, false, false]);
        assert_eq!(accepted(&both), [true, true, false, false, false]);
        assert!(!both.accept(format!("{NEW}, {OLD}").as_bytes()));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        for (text, error) in [
            ("", FrontSecretsError::Form),
            (&OLD[..31], FrontSecretsError::Form),
            (&OLD.repeat(4), FrontSecretsError::Form),
            (&OLD.replace('-', " "), FrontSecretsError::Form),
            (&format!("{OLD},"), FrontSecretsError::Form),
            (&format!("{OLD},{NEW},{OLD}"), FrontSecretsError::Count),
            (&format!("{OLD},{OLD}"), FrontSecretsError::Same),
            (&"abcdefghi".repeat(5), FrontSecretsError::Weak),
        ] {
            assert_eq!(text.parse::<FrontSecrets>().unwrap_err(), error, "{text}");
        }
        assert_eq!(format!("{:?}", OLD.parse::<FrontSecrets>().unwrap()), "FrontSecrets");
    }
}
