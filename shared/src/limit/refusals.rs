//! Refusals that a warm function remembers, so that somebody who goes on against a limit costs no
//! call. Only refusals are remembered: nothing is ever let through from here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// Who is refused, by the name of a limit and its subject: since when, and until when.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<Whom, (Timestamp, Timestamp)>>);

/// The name of a limit, and its subject.
type Whom = (&'static str, String);

impl Refusals {
    const ENTRIES_MAX: usize = 4096;

    /// Until when they are refused, if they are.
    pub(super) fn until(&self, name: &'static str, subject: &str, now: Timestamp) -> Option<Timestamp> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, until) = entries.get(&(name, subject.to_owned()))?;
        // A clock that went back would make a refusal last.
        (*since <= now && now < *until).then_some(*until)
    }

    /// The same, if that was found out no longer ago than `age`: for refusals that may end early.
    pub(super) fn until_within(
        &self,
        age: Duration,
        name: &'static str,
        subject: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let until = self.until(name, subject, now)?;
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, _) = entries.get(&(name, subject.to_owned()))?;
        (now.since(*since) < age).then_some(until)
    }

    pub(super) fn keep(&self, name: &'static str, subject: &str, now: Timestamp, until: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= Self::ENTRIES_MAX {
            entries.clear();
        }
        entries.insert((name, subject.to_owned()), (now, until));
    }

    pub(super) fn forget(&self, name: &'static str, subject: &str) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(&(name, subject.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_until_it_ends_and_not_by_a_clock_that_went_back() {
        let refusals = Refusals::default();
        let at = Timestamp::from_seconds;
        refusals.keep("login", "a", at(100), at(110));
        let until = |subject, now| refusals.until("login", subject, at(now));
        assert_eq!([until("a", 100), until("a", 109)], [Some(at(110)); 2]);
        assert_eq!([until("a", 110), until("a", 99), until("b", 100)], [None; 3]);
        refusals.forget("login", "a");
        assert_eq!(until("a", 100), None);
    }

    #[test]
    fn a_refusal_that_may_end_early_is_remembered_for_a_moment() {
        let refusals = Refusals::default();
        let at = Timestamp::from_seconds;
        refusals.keep("login", "a", at(100), at(1000));
        let until = |now| refusals.until_within(Duration::from_secs(5), "login", "a", at(now));
        assert_eq!([until(100), until(104), until(105)], [Some(at(1000)), Some(at(1000)), None]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(1);
        for subject in 0..=Refusals::ENTRIES_MAX {
            refusals.keep("login", &subject.to_string(), now, now);
        }
        assert_eq!(refusals.0.lock().unwrap().len(), 1);
    }
}
