//! What a warm function remembers of callers, for seconds, so that a busy one is not read each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use super::{REMEMBERED, Standing, USES_APART, Who};
use crate::api_key::{Secret, StoredKey};
use crate::clock::Timestamp;
use crate::id::ApiKeyId;

/// Remembers good answers for [`REMEMBERED`] after the moment they were *asked for*: an answer
/// that was on its way while something was revoked counts from before that.
#[derive(Default)]
pub struct StandingCache {
    standings: Remembered<Who, Standing>,
    keys: Remembered<ApiKeyId, StoredKey>,
    uses: Mutex<HashMap<(ApiKeyId, Secret), Timestamp>>,
}

impl StandingCache {
    /// What is remembered of a caller.
    pub fn standing(&self, who: &Who, now: Timestamp) -> Option<Standing> {
        self.standings.get(who, now)
    }

    /// Remembers what was found of a caller.
    pub fn keep_standing(&self, who: Who, standing: &Standing, asked_at: Timestamp) {
        self.standings.put(who, standing.clone(), asked_at);
    }

    /// A remembered key.
    pub fn key(&self, id: &ApiKeyId, now: Timestamp) -> Option<StoredKey> {
        self.keys.get(id, now)
    }

    /// Whether a use of a key is to be written down: the first that this function sees in
    /// [`USES_APART`].
    pub fn is_worth_noting(&self, use_of: (ApiKeyId, Secret), now: Timestamp) -> bool {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.get(&use_of).is_some_and(|at| *at <= now && now.since(*at) < USES_APART);
        if !noted {
            if uses.len() >= ENTRIES_MAX {
                uses.clear();
            }
            uses.insert(use_of, now);
        }
        !noted
    }

    /// Remembers a key.
    pub fn keep_key(&self, id: ApiKeyId, key: &StoredKey, asked_at: Timestamp) {
        self.keys.put(id, key.clone(), asked_at);
    }
}

/// A function that sees more callers than this in so short a time starts over.
const ENTRIES_MAX: usize = 4096;

struct Remembered<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_at, value) = entries.get(key)?;
        // A clock that went back makes an answer look young for ever: it is not used.
        let fresh = *asked_at <= now && now.since(*asked_at) < REMEMBERED;
        fresh.then(|| value.clone())
    }

    fn put(&self, key: K, value: V, asked_at: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        // An answer that was asked for earlier says less, also when it comes later.
        let newer = entries.get(&key).is_some_and(|(known, _)| *known > asked_at);
        if !newer {
            entries.insert(key, (asked_at, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_used_for_less_than_five_seconds_after_it_was_asked_for() {
        let remembered = Remembered::default();
        let asked_at = Timestamp::from_millis(1_000_000);
        remembered.put("who", 1, asked_at);
        let at = |ms| remembered.get(&"who", Timestamp::from_millis(asked_at.millis() + ms));
        assert_eq!([at(0), at(4999), at(5000), at(-1)], [Some(1), Some(1), None, None]);
    }

    #[test]
    fn a_use_is_worth_noting_once_in_five_minutes_and_for_each_secret() {
        let cache = StandingCache::default();
        let entropy = crate::entropy::Entropy::system();
        let at = Timestamp::from_seconds;
        let id = ApiKeyId::new(at(0), &entropy).unwrap();
        let noted = [0, 1, 299, 300, 301].map(|s| cache.is_worth_noting((id, Secret::Current), at(s)));
        assert_eq!(noted, [true, false, false, true, false]);
        assert!(cache.is_worth_noting((id, Secret::Previous), at(301)));
    }

    #[test]
    fn an_answer_that_was_asked_for_earlier_and_comes_later_changes_nothing() {
        let remembered = Remembered::default();
        let at = Timestamp::from_millis;
        remembered.put("who", "new", at(2000));
        remembered.put("who", "old", at(1000));
        assert_eq!(remembered.get(&"who", at(2000)), Some("new"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let remembered = Remembered::default();
        let now = Timestamp::from_millis(1);
        for caller in 0..=ENTRIES_MAX {
            remembered.put(caller, (), now);
        }
        assert!(remembered.0.lock().unwrap().len() < ENTRIES_MAX);
    }
}
