//! Passwords become argon2id hashes, as PHC strings.
//!
//! A hash takes 19 MiB and some milliseconds of a core. The memory is kept and used again; two
//! hashes at most run at a time, off the async threads. Hashes that came with accounts from
//! elsewhere verify as well and are said to be weak, whatever they cost: see [`stored`].

mod argon;
mod bcrypt;
mod memory;
mod pbkdf2;
mod scrypt;
mod stored;

use std::sync::Arc;

use argon2::password_hash::phc;
use shared::entropy::{Entropy, NoEntropy};
use shared::problem::Problem;
use tokio::sync::Semaphore;

use self::argon::Recipe;
pub use self::memory::HashMemory;
use self::stored::Stored;
use crate::password::Password;

/// How many are computed at a time. Lambda sends one request; a local server sends more.
const AT_A_TIME: usize = 2;

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

impl HashError {
    /// It would take the time and the memory of everybody else's login.
    const TOO_COSTLY: Self = Self::Stored("its parameters ask for too much");
    const INCOMPLETE: Self = Self::Stored("it has no salt or no output");
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
    memory: Arc<HashMemory>,
}

impl Hasher {
    pub(crate) fn new(entropy: Entropy, memory: HashMemory) -> Result<Self, HashError> {
        let nobody = Stored::Argon(Recipe::of_today(&entropy)?.of_nobody(&entropy)?);
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        Ok(Self { entropy, nobody, permits, memory: Arc::new(memory) })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, HashError> {
        let recipe = Recipe::of_today(&self.entropy)?;
        self.compute(password, |password, memory| Ok(recipe.of(password, memory)?.to_phc())).await
    }

    /// Whether `password` is the one behind the hash `stored`. Without one, the account does not
    /// exist: the answer is no, after the same work. A hash of another kind takes another time, which
    /// [`crate::level`] covers up.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let known = stored.map(Stored::parse).transpose()?;
        let exists = known.is_some();
        let against = known.unwrap_or_else(|| self.nobody.clone());
        let weak = against.is_weak();
        let is_of = self.compute(password, move |password, memory| against.is_of(password, memory)).await?;
        Ok(match (is_of && exists, weak) {
            (false, _) => Verdict::Wrong,
            (true, false) => Verdict::Right,
            (true, true) => Verdict::RightButWeak,
        })
    }

    async fn compute<T: Send + 'static>(
        &self,
        password: &Password,
        work: impl FnOnce(&[u8], &HashMemory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HashError::Interrupted)?;
        let (memory, password) = (Arc::clone(&self.memory), password.clone());
        let computing = tokio::task::spawn_blocking(move || {
            // A caller who hangs up does not end this thread: the permit stays with the work.
            let _permit = permit;
            work(password.expose(), &memory)
        });
        computing.await.map_err(|_| HashError::Interrupted)?
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
        Hasher::new(entropy, HashMemory::for_one()).unwrap()
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
        assert_eq!(hasher.memory.spare(), 1);
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
        let Stored::Argon(nobody) = counting().nobody else { panic!("it is argon2") };
        let (nobody, today) = (nobody.to_phc(), HORSE);
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
        assert!(hasher.memory.spare() <= AT_A_TIME);
    }

    #[tokio::test]
    async fn without_entropy_there_is_no_hash() {
        let mut hasher = counting();
        hasher.entropy = Entropy::from_fn(|_| Err(NoEntropy));
        assert!(matches!(hasher.hash(&horse()).await, Err(HashError::Entropy(_))));
    }
}
