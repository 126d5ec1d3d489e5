//! Passwords become argon2id hashes, as PHC strings.
//!
//! A hash takes 19 MiB and some milliseconds of a core. The memory is kept and used again, because
//! fresh pages cost as much time as the hashing; two hashes at most run at a time, off the async
//! threads.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{self, Output, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use shared::entropy::{Entropy, NoEntropy};
use shared::problem::Problem;
use tokio::sync::Semaphore;

use crate::password::Password;

/// OWASP's recommendation and that of ASVS 5.0, appendix C.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// How many are computed at a time. Lambda sends one request; a local server sends more.
const AT_A_TIME: usize = 2;

/// What a stored hash may ask for: one that asks for more would stop every other login.
const STORED_MEMORY_KIB_MAX: u32 = 64 * 1024;
const STORED_PASSES_MAX: u32 = 8;
const STORED_LANES_MAX: u32 = 4;

/// Why a password was neither accepted nor refused.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// There is no salt.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The text of a hash cannot be read or written.
    #[error("a password hash is not in the PHC format")]
    Phc(#[from] phc::Error),
    /// It can be read, and this code does not take it. It is not repeated: logs are no place for it.
    #[error("a stored password hash cannot be used: {0}")]
    Stored(&'static str),
    /// argon2 refuses what it is given.
    #[error("argon2 failed")]
    Argon2(#[from] argon2::Error),
    /// The thread that computed it ended early.
    #[error("hashing was interrupted")]
    Interrupted,
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Entropy(error) => error.into(),
            HashError::Phc(_) | HashError::Stored(_) | HashError::Argon2(_) | HashError::Interrupted => {
                Self::internal(&error)
            }
        }
    }
}

/// Whether a password is the one that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not.
    Wrong,
    /// It is.
    Right,
    /// It is, and the stored hash is weaker than one made today.
    RightButWeak,
}

/// Makes and verifies hashes.
#[derive(Clone)]
pub(crate) struct Hasher {
    entropy: Entropy,
    /// Stands in for the hash of an account that does not exist.
    nobody: Stored,
    permits: Arc<Semaphore>,
    memory: Arc<Memory>,
}

impl Hasher {
    /// With memory for one hash at hand: on Lambda there is never a second at the same time.
    pub(crate) fn new(entropy: Entropy) -> Result<Self, HashError> {
        // Its output is random: no password is known to lead to it, and none had to be hashed.
        let nobody = Recipe::of_today(&entropy)?.with(Output::new(&entropy.bytes::<OUTPUT_BYTES>()?)?);
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        Ok(Self { entropy, nobody, permits, memory: Arc::new(Memory::for_one()) })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, HashError> {
        let recipe = Recipe::of_today(&self.entropy)?;
        let output = self.compute(password, &recipe).await?;
        Ok(recipe.with(output).to_phc())
    }

    /// Whether `password` is the one behind the PHC string `stored`. Without one, the account does
    /// not exist: the answer is no, after the same work.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let known = stored.map(Stored::parse).transpose()?;
        let against = known.as_ref().unwrap_or(&self.nobody);
        let output = self.compute(password, &against.recipe).await?;
        // `Output` compares in constant time.
        let right = output == against.output && known.is_some();
        Ok(match (right, against.recipe.is_weak()) {
            (false, _) => Verdict::Wrong,
            (true, false) => Verdict::Right,
            (true, true) => Verdict::RightButWeak,
        })
    }

    async fn compute(&self, password: &Password, recipe: &Recipe) -> Result<Output, HashError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HashError::Interrupted)?;
        let (memory, password, recipe) = (Arc::clone(&self.memory), password.clone(), recipe.clone());
        let computing = tokio::task::spawn_blocking(move || {
            // A caller who hangs up does not end this thread: the permit stays with the work.
            let _permit = permit;
            let mut blocks = memory.take(recipe.params.block_count());
            let output = recipe.compute(password.expose(), &mut blocks);
            memory.put_back(blocks);
            output
        });
        computing.await.map_err(|_| HashError::Interrupted)?
    }
}

/// All that a hash is made with, but for the password.
#[derive(Clone)]
struct Recipe {
    params: Params,
    salt: Salt,
}

impl Recipe {
    /// What a new hash is made with.
    fn of_today(entropy: &Entropy) -> Result<Self, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES))?;
        Ok(Self { params, salt: Salt::new(&entropy.bytes::<SALT_BYTES>()?)? })
    }

    fn with(self, output: Output) -> Stored {
        Stored { recipe: self, output }
    }

    /// Whether guessing costs less than it does with one of today.
    fn is_weak(&self) -> bool {
        let cost = |memory_kib: u32, passes: u32| u64::from(memory_kib) * u64::from(passes);
        let (memory_kib, passes) = (self.params.m_cost(), self.params.t_cost());
        memory_kib < MEMORY_KIB || cost(memory_kib, passes) < cost(MEMORY_KIB, PASSES)
    }

    fn compute(&self, password: &[u8], blocks: &mut [Block]) -> Result<Output, HashError> {
        let mut bytes = [0; Output::MAX_LENGTH];
        let bytes = &mut bytes[..self.params.output_len().unwrap_or(OUTPUT_BYTES)];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .hash_password_into_with_memory(password, &self.salt, bytes, blocks)?;
        Ok(Output::new(bytes)?)
    }
}

/// A hash, as the table has it.
#[derive(Clone)]
struct Stored {
    recipe: Recipe,
    output: Output,
}

impl Stored {
    fn parse(text: &str) -> Result<Self, HashError> {
        let phc = PasswordHash::new(text)?;
        if phc.algorithm != ARGON2ID_IDENT {
            return Err(HashError::Stored("it is not argon2id"));
        }
        if phc.version != Some(Version::V0x13.into()) {
            return Err(HashError::Stored("it is not of version 19"));
        }
        let params =
            Params::try_from(&phc).map_err(|_| HashError::Stored("its parameters are not argon2's"))?;
        let bounded = params.m_cost() <= STORED_MEMORY_KIB_MAX
            && params.t_cost() <= STORED_PASSES_MAX
            && params.p_cost() <= STORED_LANES_MAX;
        if !bounded {
            return Err(HashError::Stored("its parameters ask for too much"));
        }
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(HashError::Stored("it has no salt or no output"));
        };
        Ok(Self { recipe: Recipe { params, salt }, output })
    }

    fn to_phc(&self) -> String {
        let Self { recipe: Recipe { params, salt }, output } = self;
        let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let version = u32::from(Version::V0x13);
        format!("${ARGON2ID_IDENT}$v={version}$m={memory_kib},t={passes},p={lanes}${salt}${output}")
    }
}

/// Blocks that no hash uses at the moment. What an earlier hash left in them is overwritten before
/// it is read.
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn for_one() -> Self {
        Self(Mutex::new(vec![vec![Block::new(); MEMORY_KIB as usize]]))
    }

    fn take(&self, blocks: usize) -> Vec<Block> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        memory
    }

    fn put_back(&self, memory: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with argon2-cffi 25.1.0, which wraps the reference implementation in C; the salts are
    // the bytes 0 to 15, and sixteen times 255.
    const HORSE: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";
    const HORSE_FAST: &str =
        "$argon2id$v=19$m=8192,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw";
    const HORSE_TWO_LANES: &str =
        "$argon2id$v=19$m=1024,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$xqz4dJl/R9u96ENZ/eAripnSnX7XReml6Zqf3ORuByQ";
    const POLISH_AND_NUL: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$/////////////////////w$DqhF9x+SxZsoVozob2FK8PdO92m9vtmHhZeGiQpy2gw";

    fn horse() -> Password {
        "correct horse battery staple".parse().unwrap()
    }

    fn hasher(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Hasher {
        let entropy = Entropy::from_fn(move |bytes| {
            fill(bytes);
            Ok(())
        });
        Hasher::new(entropy).unwrap()
    }

    fn counting() -> Hasher {
        hasher(|bytes| bytes.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n))
    }

    #[tokio::test]
    async fn a_hash_is_the_one_that_the_reference_makes() {
        assert_eq!(counting().hash(&horse()).await.unwrap(), HORSE);
        let polish =
            "za\u{17c}\u{f3}\u{142}\u{107} g\u{119}\u{15b}l\u{105} ja\u{17a}\u{144}\0 ".parse().unwrap();
        assert_eq!(hasher(|bytes| bytes.fill(255)).hash(&polish).await.unwrap(), POLISH_AND_NUL);
    }

    #[tokio::test]
    async fn memory_that_was_used_before_changes_nothing() {
        let hasher = counting();
        for stored in [HORSE_TWO_LANES, HORSE, HORSE_FAST, HORSE] {
            assert_ne!(hasher.verify(&horse(), Some(stored)).await.unwrap(), Verdict::Wrong, "{stored}");
        }
        assert_eq!(hasher.memory.0.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn hashes_of_the_reference_verify_and_weak_ones_are_told() {
        let (hasher, other) = (counting(), "correct horse battery stapl3".parse().unwrap());
        for (stored, verdict) in [
            (HORSE, Verdict::Right),
            (HORSE_FAST, Verdict::RightButWeak),
            (HORSE_TWO_LANES, Verdict::RightButWeak),
            (POLISH_AND_NUL, Verdict::Wrong),
        ] {
            assert_eq!(hasher.verify(&horse(), Some(stored)).await.unwrap(), verdict, "{stored}");
            assert_eq!(hasher.verify(&other, Some(stored)).await.unwrap(), Verdict::Wrong, "{stored}");
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert_eq!(counting().verify(&horse(), None).await.unwrap(), Verdict::Wrong);
        // Not even the one whose hash stands in.
        let mut hasher = counting();
        hasher.nobody = Stored::parse(HORSE).unwrap();
        assert_eq!(hasher.verify(&horse(), None).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn the_stand_in_costs_what_a_hash_of_today_costs() {
        let (nobody, today) = (counting().nobody.to_phc(), HORSE);
        let cost = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(&nobody), cost(today));
    }

    #[tokio::test]
    async fn more_hashes_at_a_time_than_permits_all_come_out_right() {
        let hasher = counting();
        let hashes: Vec<_> = (0..5)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash(&horse()).await.unwrap() })
            })
            .collect();
        for hash in hashes {
            assert_eq!(hash.await.unwrap(), HORSE);
        }
        assert!(hasher.memory.0.lock().unwrap().len() <= AT_A_TIME);
    }

    #[test]
    fn what_cannot_be_verified_is_an_error_and_not_a_wrong_password() {
        let (salt, output) = ("AAECAwQFBgcICQoLDA0ODw", "gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU");
        for stored in [
            String::new(),
            "secret".to_owned(),
            format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=16$m=19456,t=2,p=1${salt}${output}"),
            format!("$argon2id$m=19456,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=65537,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=4294967295,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=19456,t=9,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=19456,t=2,p=5${salt}${output}"),
            format!("$argon2id$v=19$m=1,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
            "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        ] {
            assert!(Stored::parse(&stored).is_err(), "{stored}");
        }
    }

    #[tokio::test]
    async fn without_entropy_there_is_no_hash() {
        let mut hasher = counting();
        hasher.entropy = Entropy::from_fn(|_| Err(NoEntropy));
        assert!(matches!(hasher.hash(&horse()).await, Err(HashError::Entropy(_))));
    }
}
