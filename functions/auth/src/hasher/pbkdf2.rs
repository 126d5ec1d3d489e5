//! PBKDF2, as PHC strings (`$pbkdf2-sha256$i=600000$salt$output`, and with `-sha512`) and as Django
//! writes it (`pbkdf2_sha256$1000000$salt$output`).

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::HashError;
use super::stored::number;

/// A quarter of a second of a core, each.
const SHA256_ITERATIONS_MAX: u32 = 2_000_000;
const SHA512_ITERATIONS_MAX: u32 = 500_000;
/// Fewer bytes would be met by chance, or by trying.
const OUTPUT_BYTES_MIN: usize = 16;
const SHA256_BYTES: usize = 32;
const SHA512_BYTES: usize = 64;
const SALT_BYTES_MAX: usize = 128;

/// A hash made elsewhere.
#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    pub(super) const SHA256_NAME: &str = "pbkdf2-sha256";
    pub(super) const SHA512_NAME: &str = "pbkdf2-sha512";
    pub(super) const DJANGO_NAME: &str = "pbkdf2_sha256";

    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        let phc = PasswordHash::new(text)?;
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(HashError::INCOMPLETE);
        };
        // Some makers also write how long the output is.
        let known = match (phc.params.iter().count(), number(&phc, "l")) {
            (1, None) => true,
            (2, Some(length)) => usize::try_from(length) == Ok(output.len()),
            _ => false,
        };
        let iterations = number(&phc, "i").filter(|_| known && phc.version.is_none());
        let iterations = iterations.ok_or(HashError::Stored("its parameters are not PBKDF2's"))?;
        let sha256 = phc.algorithm.as_str() == Self::SHA256_NAME;
        Self::bounded(sha256, iterations, salt.to_vec(), output.as_bytes().to_vec())
    }

    /// Its salt is text, of which the UTF-8 counts.
    pub(super) fn parse_django(text: &str) -> Result<Self, HashError> {
        let damaged = || HashError::Stored("it is not in Django's format");
        let parts: Vec<_> = text.split('$').collect();
        let [Self::DJANGO_NAME, iterations, salt, output] = parts[..] else { return Err(damaged()) };
        let iterations = iterations.parse().map_err(|_| damaged())?;
        let output = BASE64_STANDARD.decode(output).map_err(|_| damaged())?;
        Self::bounded(true, iterations, salt.as_bytes().to_vec(), output)
    }

    fn bounded(sha256: bool, iterations: u32, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, HashError> {
        let (algorithm, iterations_max, output_bytes_max) = if sha256 {
            (PBKDF2_HMAC_SHA256, SHA256_ITERATIONS_MAX, SHA256_BYTES)
        } else {
            (PBKDF2_HMAC_SHA512, SHA512_ITERATIONS_MAX, SHA512_BYTES)
        };
        // More than one block of output would take its time again for every block.
        if !(OUTPUT_BYTES_MIN..=output_bytes_max).contains(&output.len()) || salt.len() > SALT_BYTES_MAX {
            return Err(HashError::Stored("its salt or its output has a length that is not taken"));
        }
        let iterations = NonZeroU32::new(iterations).ok_or(HashError::Stored("it has no iterations"))?;
        if iterations.get() > iterations_max {
            return Err(HashError::TOO_COSTLY);
        }
        Ok(Self { algorithm, iterations, salt, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        // It compares in constant time.
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password, &self.output).is_ok()
    }
}
