//! What a process remembers of subjects: of so many, and of no more.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::clock::Timestamp;

/// How many there is room for.
pub(super) const SUBJECTS_MAX: usize = 4096;
/// How long after the last time room is looked for again.
const LOOKED_APART: Duration = Duration::from_secs(1);

/// Subjects, and what is known of each.
pub(super) struct Subjects<K, V> {
    pub(super) known: HashMap<K, V>,
    /// When room was last looked for.
    looked_at: Option<Timestamp>,
}

impl<K, V> Default for Subjects<K, V> {
    fn default() -> Self {
        Self { known: HashMap::new(), looked_at: None }
    }
}

impl<K: Eq + Hash, V> Subjects<K, V> {
    /// Whether there is room for one more. Those that are over make room, but are not looked for at each call: calls of
    /// more subjects than there is room for must not cost more each.
    pub(super) fn has_room(&mut self, now: Timestamp, is_over: impl Fn(&V) -> bool) -> bool {
        let is_full = self.known.len() >= SUBJECTS_MAX;
        if is_full && self.looked_at.is_none_or(|at| now < at || now.since(at) >= LOOKED_APART) {
            self.known.retain(|_, known| !is_over(known));
            self.looked_at = Some(now);
        }
        self.known.len() < SUBJECTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether there is room at these milliseconds, where what holds `true` is over.
    fn rooms(subjects: &mut Subjects<usize, bool>, times: &[i64]) -> Vec<bool> {
        let room = |ms: &i64| subjects.has_room(Timestamp::from_millis(*ms), |over| *over);
        times.iter().map(room).collect()
    }

    fn full_of(over: bool) -> Subjects<usize, bool> {
        let mut subjects = Subjects::default();
        subjects.known.extend((0..SUBJECTS_MAX).map(|subject| (subject, over)));
        subjects
    }

    #[test]
    fn those_that_are_over_make_room_and_the_others_stay() {
        let mut subjects = full_of(false);
        subjects.known.insert(7, true);
        assert_eq!(rooms(&mut subjects, &[5000]), [true]);
        assert_eq!((subjects.known.len(), subjects.known.get(&7)), (4095, None));
    }

    #[test]
    fn room_is_looked_for_once_in_a_second_and_when_the_clock_went_back() {
        let mut subjects = full_of(false);
        assert_eq!(rooms(&mut subjects, &[5000]), [false]);
        subjects.known.insert(7, true);
        assert_eq!(rooms(&mut subjects, &[5001, 5999, 6000]), [false, false, true]);
        subjects.known.insert(7, false);
        assert_eq!(rooms(&mut subjects, &[6001]), [false]);
        subjects.known.insert(7, true);
        assert_eq!(rooms(&mut subjects, &[6500, 5999]), [false, true]);
    }
}
