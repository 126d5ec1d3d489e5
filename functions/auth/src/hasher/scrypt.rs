//! scrypt, as PHC strings: `$scrypt$ln=16,r=8,p=1$salt$output`.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use scrypt::Params;

use super::HashError;
use super::stored::number;

const MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// N × r × p, which the time goes with: OWASP's strongest is just below, at a third of a second.
const WORK_MAX: u64 = 1 << 20;

/// A hash made elsewhere.
#[derive(Clone)]
pub(super) struct ScryptHash {
    params: Params,
    salt: Salt,
    output: Output,
}

impl ScryptHash {
    pub(super) const NAME: &str = "scrypt";

    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        let phc = PasswordHash::new(text)?;
        let damaged = HashError::Stored("its parameters are not scrypt's");
        if phc.version.is_some() || phc.params.iter().count() != 3 {
            return Err(damaged);
        }
        let (Some(log_n), Some(r), Some(p)) = (number(&phc, "ln"), number(&phc, "r"), number(&phc, "p"))
        else {
            return Err(damaged);
        };
        // Before anything is shifted or multiplied that could overflow.
        if log_n > 20 || u64::from(r) > WORK_MAX || u64::from(p) > WORK_MAX {
            return Err(HashError::TOO_COSTLY);
        }
        let memory_bytes = (128 << log_n) * u64::from(r);
        let work = (u64::from(r) * u64::from(p)) << log_n;
        if memory_bytes > MEMORY_BYTES_MAX || work > WORK_MAX {
            return Err(HashError::TOO_COSTLY);
        }
        let log_n = u8::try_from(log_n).map_err(|_| HashError::TOO_COSTLY)?;
        let Ok(params) = Params::new(log_n, r, p) else { return Err(damaged) };
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(HashError::INCOMPLETE);
        };
        Ok(Self { params, salt, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut bytes = [0; Output::MAX_LENGTH];
        let bytes = &mut bytes[..self.output.len()];
        scrypt::scrypt(password, &self.salt, &self.params, bytes)
            .map_err(|_| HashError::Stored("its output has a length that scrypt does not make"))?;
        // `Output` compares in constant time.
        Ok(Output::new(bytes)? == self.output)
    }
}
