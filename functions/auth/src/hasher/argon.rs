//! argon2: what new hashes are made with, and what earlier or other makers used.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::entropy::Entropy;

use super::HashError;
use super::memory::HashMemory;

/// OWASP's recommendation and that of ASVS 5.0, appendix C.
pub(super) const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// What a stored hash may ask for: one that asks for more would stop every other login.
const STORED_MEMORY_KIB_MAX: u32 = 64 * 1024;
const STORED_PASSES_MAX: u32 = 8;
/// Memory by passes, which the time goes with: a quarter of a second of a core.
const STORED_WORK_MAX: u64 = 5 * 64 * 1024;
const STORED_LANES_MAX: u32 = 4;

/// All that a hash is made with, but for the password.
#[derive(Clone)]
pub(super) struct Recipe {
    algorithm: Algorithm,
    params: Params,
    salt: Salt,
}

impl Recipe {
    /// What a new hash is made with.
    pub(super) fn of_today(entropy: &Entropy) -> Result<Self, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES))?;
        let salt = Salt::new(&entropy.bytes::<SALT_BYTES>()?)?;
        Ok(Self { algorithm: Algorithm::Argon2id, params, salt })
    }

    /// The hash of a password.
    pub(super) fn of(self, password: &[u8], memory: &HashMemory) -> Result<ArgonHash, HashError> {
        let output = self.compute(password, memory)?;
        Ok(ArgonHash { recipe: self, output })
    }

    /// A hash with a random output: no password is known to lead to it, and none had to be hashed.
    pub(super) fn of_nobody(self, entropy: &Entropy) -> Result<ArgonHash, HashError> {
        Ok(ArgonHash { output: Output::new(&entropy.bytes::<OUTPUT_BYTES>()?)?, recipe: self })
    }

    fn compute(&self, password: &[u8], memory: &HashMemory) -> Result<Output, HashError> {
        let mut bytes = [0; Output::MAX_LENGTH];
        let bytes = &mut bytes[..self.params.output_len().unwrap_or(OUTPUT_BYTES)];
        let argon2 = Argon2::new(self.algorithm, Version::V0x13, self.params.clone());
        memory.lend(self.params.block_count(), |blocks| {
            argon2.hash_password_into_with_memory(password, &self.salt, bytes, blocks)
        })?;
        Ok(Output::new(bytes)?)
    }
}

/// A hash, as the table has it.
#[derive(Clone)]
pub(super) struct ArgonHash {
    recipe: Recipe,
    output: Output,
}

impl ArgonHash {
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        let phc = PasswordHash::new(text)?;
        let algorithm = match phc.algorithm.as_str() {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            _ => return Err(HashError::Stored("it is neither argon2id nor argon2i")),
        };
        if phc.version != Some(Version::V0x13.into()) {
            return Err(HashError::Stored("it is not of version 19"));
        }
        let params =
            Params::try_from(&phc).map_err(|_| HashError::Stored("its parameters are not argon2's"))?;
        let bounded = params.m_cost() <= STORED_MEMORY_KIB_MAX
            && params.t_cost() <= STORED_PASSES_MAX
            && work(&params) <= STORED_WORK_MAX
            && params.p_cost() <= STORED_LANES_MAX;
        if !bounded {
            return Err(HashError::TOO_COSTLY);
        }
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(HashError::INCOMPLETE);
        };
        Ok(Self { recipe: Recipe { algorithm, params, salt }, output })
    }

    pub(super) fn is_of(&self, password: &[u8], memory: &HashMemory) -> Result<bool, HashError> {
        // `Output` compares in constant time.
        Ok(self.recipe.compute(password, memory)? == self.output)
    }

    /// Whether guessing costs less than it does with one of today.
    pub(super) fn is_weak(&self) -> bool {
        let Recipe { algorithm, params, .. } = &self.recipe;
        *algorithm != Algorithm::Argon2id
            || params.m_cost() < MEMORY_KIB
            || work(params) < u64::from(MEMORY_KIB) * u64::from(PASSES)
    }

    pub(super) fn to_phc(&self) -> String {
        let Self { recipe: Recipe { algorithm, params, salt }, output } = self;
        let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let version = u32::from(Version::V0x13);
        format!("${algorithm}$v={version}$m={memory_kib},t={passes},p={lanes}${salt}${output}")
    }
}

fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}
