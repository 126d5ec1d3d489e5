//! bcrypt: `$2a$`, `$2b$` and `$2y$`, which differ in the mistakes of programs long gone and not in
//! what they make of a password of ordinary length.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

use super::HashError;

/// A fifth of a second of a core; every step more doubles it.
const COST_MAX: u32 = 12;
const COST_MIN: u32 = 4;
const SALT_CHARS: usize = 22;
const OUTPUT_BYTES: usize = 23;
/// The function takes no more. bcrypt has always ignored what comes after.
const KEY_BYTES_MAX: usize = 72;

/// Some makers left bits in the last character of the salt, which no reader ever looked at.
const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// A hash made elsewhere.
#[derive(Clone)]
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: [u8; OUTPUT_BYTES],
}

impl BcryptHash {
    /// Whether it is for here to read.
    pub(super) fn is_named(text: &str) -> bool {
        ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix))
    }

    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        let damaged = HashError::Stored("it is not in bcrypt's format");
        let Some((cost, rest)) = text.get(4..).and_then(|text| text.split_once('$')) else {
            return Err(damaged);
        };
        let cost = match cost.parse() {
            Ok(cost) if cost >= COST_MIN && cost_has_two_digits(text) => cost,
            _ => return Err(damaged),
        };
        if cost > COST_MAX {
            return Err(HashError::TOO_COSTLY);
        }
        let Some((salt, output)) = rest.split_at_checked(SALT_CHARS) else { return Err(damaged) };
        match (bytes(salt), bytes(output)) {
            (Some(salt), Some(output)) => Ok(Self { cost, salt, output }),
            _ => Err(damaged),
        }
    }

    /// As bcrypt does it: a NUL is put behind the password, and what is over 72 bytes is not looked
    /// at. That is the history of this hash; the one that replaces it is made of all that was given.
    ///
    /// A password with a NUL in it is no bcrypt password: the function repeats its key, so that `a`
    /// and `a`, NUL, `a` are one to it, and the hash that replaces this one would be of the other.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let key: Vec<u8> = password.iter().copied().chain([0]).take(KEY_BYTES_MAX).collect();
        let output = bcrypt::bcrypt(self.cost, self.salt, &key);
        let equal = verify_slices_are_equal(&output[..OUTPUT_BYTES], &self.output).is_ok();
        equal && !password.contains(&0)
    }
}

/// `04`, not `4` or `+4`.
fn cost_has_two_digits(text: &str) -> bool {
    let cost = text.as_bytes().get(4..7);
    cost.is_some_and(|cost| cost[..2].iter().all(u8::is_ascii_digit) && cost[2] == b'$')
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}
