//! What a rotation makes of a ring: a new key in front, and those gone that nothing needs any more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keeper::Keeper;
use super::ring::{KeyRing, Purpose, RingError, SecretKey, Stored, StoredRing};
use super::seal::Sealed;
use crate::clock::Timestamp;
use crate::entropy::{Entropy, NoEntropy};

/// How long a new key is known before it makes anything. Functions read the ring every five minutes, so that by then
/// each has read it twice.
pub const LEAD: Duration = Duration::from_mins(10);
/// How long after its successor took over a key may still seal something, in a function that could not read the ring
/// meanwhile: what is found to be sealed under it is counted from then on only.
pub const SETTLED: Duration = Duration::from_hours(1);
/// How long a key is kept after nothing was found to be sealed under it any more. Longer than any token is good for
/// (a refresh token: seven days), and as long as the table can be brought back to an earlier state, in which something
/// may still be sealed under it.
pub const KEPT: Duration = Duration::from_hours(35 * 24);
/// Characters of a new key: 380 bits.
const KEY_CHARS: usize = 64;
/// The most keys that a ring holds: beyond it, something keeps the older ones from being given up.
pub const KEYS_MAX: usize = 50;

/// When nothing was found to be sealed under a key any more: the beginning of the look through the table that found
/// nothing.
pub type Unused = BTreeMap<String, Timestamp>;

/// Why a ring does not take the place of another.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    /// A key is missing, or is another, that is still needed.
    #[error("it lacks the key `{0}`, which is still needed")]
    Lacks(String),
    /// Its newest key is not new.
    #[error("its newest key, `{0}`, is one of the ring before")]
    NotNew(String),
    /// Its newest key would make something before every function knows it, and those that do not know it would go on
    /// with the key before, of which the ring says that it is out of use.
    #[error("its newest key, `{0}`, would be active before every function knows it")]
    Late(String),
    /// What the newest key makes is not accepted.
    #[error("its newest key does not work for {0:?}")]
    Broken(Purpose),
}

/// 64 letters and digits, each as likely as any other.
fn random_key(entropy: &Entropy) -> Result<String, NoEntropy> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut key = String::with_capacity(KEY_CHARS);
    while key.len() < KEY_CHARS {
        let bytes = entropy.bytes::<KEY_CHARS>()?;
        // 248 is the last multiple of 62 in a byte: what is above would favour the first letters.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let missing = KEY_CHARS - key.len();
        key.extend(fair.map(|byte| char::from(LETTERS[usize::from(*byte % 62)])).take(missing));
    }
    Ok(key)
}

impl SecretKey {
    /// Whether nothing needs it any more.
    pub fn is_gone(&self, unused: &Unused, now: Timestamp) -> bool {
        let (Some(retired), Some(found)) = (self.retired_at, unused.get(&self.kid)) else { return false };
        *found >= retired.plus(SETTLED) && now >= found.plus(KEPT)
    }

    /// Whether by `now` nothing new is sealed under it, so that a look through the table can tell what is.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.retired_at.is_some_and(|retired| now >= retired.plus(SETTLED))
    }
}

impl KeyRing {
    /// The ring after a rotation: a new key of the name `kid`, which is active after [`LEAD`], and behind it those
    /// that are still needed.
    pub fn rotated(
        &self,
        kid: &str,
        unused: &Unused,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Self, RotationError> {
        let active = now.plus(LEAD);
        let stored = Stored {
            kid: kid.to_owned(),
            key: random_key(entropy)?,
            activates_at: Some(active),
            retired_at: None,
        };
        if self.named(kid).is_some() {
            return Err(RingError::Twice { kid: kid.to_owned() }.into());
        }
        let mut keys = vec![SecretKey::checked(stored)?];
        for key in self.keys.iter().filter(|key| !key.is_gone(unused, now)) {
            let retired_at = Some(key.retired_at.unwrap_or(active));
            keys.push(SecretKey { retired_at, ..key.clone() });
        }
        if keys.len() > KEYS_MAX {
            return Err(RotationError::Full);
        }
        Ok(Self::of(keys).at(now))
    }

    /// Whether this ring can take the place of `before`: its newest key works for every purpose, and it has every key
    /// that is still needed.
    pub fn is_fit_after(
        &self,
        before: &Self,
        unused: &Unused,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Result<(), Unfit>, NoEntropy> {
        let newest = self.newest();
        if before.named(&newest.kid).is_some() {
            return Ok(Err(Unfit::NotNew(newest.kid.clone())));
        }
        let lacks = |key: &&SecretKey| {
            !key.is_gone(unused, now) && self.named(&key.kid).is_none_or(|same| same.key != key.key)
        };
        if let Some(key) = before.keys.iter().find(lacks) {
            return Ok(Err(Unfit::Lacks(key.kid.clone())));
        }
        if newest.activates_at.is_none_or(|active| active < now.plus(Keeper::REFRESH)) {
            return Ok(Err(Unfit::Late(newest.kid.clone())));
        }
        // As it will be when the newest key is active.
        let ring =
            Self::of(self.keys.iter().map(|key| SecretKey { activates_at: None, ..key.clone() }).collect());
        for purpose in Purpose::ALL {
            let tag = ring.current().derive(purpose).tag(b"test");
            let sealed = Sealed::seal(&ring, purpose, "test", b"test", entropy)?;
            let opened = sealed.open(self, purpose, "test");
            let verified = self.all().iter().any(|key| key.derive(purpose).verifies(b"test", &tag));
            if !verified || opened.as_deref() != Ok(b"test".as_slice()) {
                return Ok(Err(Unfit::Broken(purpose)));
            }
        }
        Ok(Ok(()))
    }

    /// The secret's text, for the service that keeps it.
    pub fn reveal(&self) -> Result<String, RingError> {
        let stored = |key: &SecretKey| Stored {
            kid: key.kid.clone(),
            key: key.key.clone(),
            activates_at: key.activates_at,
            retired_at: key.retired_at,
        };
        let previous = self.keys[1..].iter().map(stored).collect();
        let ring = StoredRing { newest: stored(self.newest()), previous };
        serde_json::to_string(&ring).map_err(|_| RingError::Form)
    }
}

/// Why there is no ring after a rotation.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The name of the new key will not do.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// There is no chance to make a key of.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// Nothing tells that older keys are not needed.
    #[error(
        "SECRET_KEY holds {KEYS_MAX} keys already: older ones go once the migrator has found nothing sealed under them"
    )]
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn first() -> KeyRing {
        KeyRing::parse(r#"{"kid":"k1","key":"0123456789abcdefghijklmnopqrstuv"}"#).unwrap()
    }

    fn rotated(ring: &KeyRing, kid: &str, unused: &Unused, now: Timestamp) -> KeyRing {
        ring.rotated(kid, unused, now, &Entropy::system()).unwrap()
    }

    fn kids(ring: &KeyRing) -> Vec<&str> {
        ring.all().iter().map(SecretKey::kid).collect()
    }

    #[test]
    fn a_new_key_stands_first_is_active_later_and_comes_back_as_it_was_stored() {
        let ring = rotated(&first(), "k2", &Unused::new(), START);
        assert_eq!((kids(&ring), ring.current().kid()), (vec!["k2", "k1"], "k1"));
        assert_eq!(ring.at(START.plus(LEAD)).current().kid(), "k2");
        assert_eq!(ring.all()[1].retired_at(), Some(START.plus(LEAD)));
        let text = ring.reveal().unwrap();
        let read = KeyRing::parse(&text).unwrap();
        assert_eq!((kids(&read), read.reveal().unwrap()), (kids(&ring), text));
        assert_eq!(read.newest().key.len(), KEY_CHARS);
        assert!(read.newest().key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn two_rotations_in_a_row_never_make_a_key_current_that_others_may_not_know() {
        let second = rotated(&first(), "k2", &Unused::new(), START);
        let later = START.plus(Duration::from_mins(1));
        let third = rotated(&second, "k3", &Unused::new(), later);
        let current = |minutes| third.at(START.plus(Duration::from_mins(minutes))).current().kid().to_owned();
        assert_eq!([current(9), current(10), current(11)], ["k1", "k2", "k3"]);
        assert_eq!(third.named("k1").unwrap().retired_at(), Some(START.plus(LEAD)));
    }

    #[test]
    fn a_key_goes_only_when_nothing_was_found_under_it_long_enough_ago() {
        let ring = rotated(&first(), "k2", &Unused::new(), START);
        let retired = START.plus(LEAD);
        let gone = |found: Option<Timestamp>, now: Timestamp| {
            let unused = found.map(|at| ("k1".to_owned(), at)).into_iter().collect();
            kids(&rotated(&ring, "k3", &unused, now)) == ["k3", "k2"]
        };
        let second = Duration::from_secs(1);
        let found = retired.plus(SETTLED);
        assert!(gone(Some(found), found.plus(KEPT)));
        assert!(!gone(Some(found), found.plus(KEPT).minus(second)), "too soon after it");
        assert!(!gone(Some(found.minus(second)), found.plus(KEPT)), "while it could still be in use");
        assert!(!gone(None, found.plus(KEPT * 10)), "nobody has looked");
    }

    #[test]
    fn the_newest_key_never_goes() {
        let unused = [("k1".to_owned(), START)].into();
        assert_eq!(kids(&rotated(&first(), "k2", &unused, START.plus(KEPT * 2))), ["k2", "k1"]);
    }

    #[test]
    fn a_ring_is_fit_if_it_has_what_is_needed_and_a_key_that_is_new() {
        let entropy = Entropy::system();
        let fit = |ring: &KeyRing, before: &KeyRing| {
            ring.is_fit_after(before, &Unused::new(), START, &entropy).unwrap()
        };
        let second = rotated(&first(), "k2", &Unused::new(), START);
        assert_eq!(fit(&second, &first()), Ok(()));
        assert_eq!(fit(&second, &second), Err(Unfit::NotNew("k2".to_owned())));
        let third = rotated(&first(), "k3", &Unused::new(), START);
        assert_eq!(fit(&third, &second), Err(Unfit::Lacks("k2".to_owned())));
        let other = KeyRing::parse(r#"{"kid":"k1","key":"vutsrqponmlkjihgfedcba9876543210"}"#).unwrap();
        let of_other = rotated(&other, "k2", &Unused::new(), START);
        assert_eq!(fit(&of_other, &first()), Err(Unfit::Lacks("k1".to_owned())));
    }

    #[test]
    fn a_name_that_is_taken_or_a_ring_that_is_full_is_refused() {
        let entropy = Entropy::system();
        let taken = first().rotated("k1", &Unused::new(), START, &entropy);
        assert!(matches!(taken, Err(RotationError::Ring(RingError::Twice { .. }))));
        let mut ring = first();
        for place in 1..KEYS_MAX {
            ring = rotated(&ring, &format!("n{place}"), &Unused::new(), START);
        }
        let full = ring.rotated("one-more", &Unused::new(), START, &entropy);
        assert!(matches!(full, Err(RotationError::Full)));
    }
}
