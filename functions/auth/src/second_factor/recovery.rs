//! Recovery codes: ten, each good once. 80 random bits need no slow hash.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use shared::entropy::{Entropy, NoEntropy};

/// Crockford's: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CHARS: usize = 16;

/// A code, in the form in which it is compared.
#[derive(PartialEq, Eq)]
pub(crate) struct RecoveryCode(String);

impl RecoveryCode {
    pub(crate) const HOW_MANY: usize = 10;

    pub(crate) fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let bytes: [u8; CHARS] = entropy.bytes()?;
        // 256 is a multiple of 32: every letter is as likely.
        Ok(Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// For the person, in groups of four.
    pub(crate) fn reveal_once(&self) -> String {
        let groups: Vec<_> = (0..CHARS).step_by(4).map(|at| &self.0[at..at + 4]).collect();
        groups.join("-")
    }

    /// As somebody types it: case, hyphens and spaces do not matter, and letters that look like digits
    /// are those digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let code: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect();
        let known = code.bytes().all(|byte| ALPHABET.contains(&byte));
        (code.len() == CHARS && known).then_some(Self(code))
    }

    /// What is stored.
    pub(crate) fn digest(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in digest(&SHA256, self.0.as_bytes()).as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = RecoveryCode::generate(&Entropy::system()).unwrap();
        let text = code.reveal_once();
        assert_eq!(text.len(), 19);
        for typed in [text.clone(), text.to_uppercase(), text.replace('-', " "), text.replace('-', "")] {
            assert!(RecoveryCode::parse(&typed) == Some(RecoveryCode(code.0.clone())), "{typed}");
        }
        assert!(RecoveryCode::parse("oOiI-lL00-1111-zzzz") == RecoveryCode::parse("0011110011 11zzzz"));
    }

    #[test]
    fn what_is_no_code_is_none() {
        for text in ["", "123456", "0000-0000-0000-000", "0000-0000-0000-0000-0", "uuuu-0000-0000-0000"] {
            assert!(RecoveryCode::parse(text).is_none(), "{text}");
        }
    }
}
