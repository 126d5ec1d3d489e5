//! Limits of routes, counted in the table without a write for each call.
//!
//! Of each subject a process lets a hundredth of the limit through by its own count: most callers stay below,
//! and cost nothing. Whoever goes on is counted in the table, with what went before, and the process takes
//! calls *ahead*, to be let through within the slice of the window that they are counted in. It takes one
//! at first, twice as many each time that they were used up in time, and never more than a twentieth.
//!
//! What is exact: a process alone lets through exactly the limit, however many calls come at once. Several
//! together let through the limit and, of each process that stayed below its hundredth, that hundredth,
//! twice around the seam of two of its windows. The other way round, calls that were taken ahead and not used
//! are lost to a caller whose calls go to many processes: at most as many as the caller used. A class that
//! [is exact](crate::rate::Class::is_exact) has neither: each call is one write, into a
//! [window](super::Window) that begins and ends for everybody at once.
//!
//! While the table does not answer, an exact class lets nobody through. Of the others each process goes on by
//! itself up to a tenth of the limit, and then lets nobody through either.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Gate;

use super::subjects::Subjects;
use super::{Limiter, Slid, Sliding, Window};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::problem::RateLimit;
use crate::rate::{By, Class, Rate};
use crate::table::StoreError;

/// How long the table is not asked after it has not answered: asking takes seconds then.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// What a process has let through of its own accord.
#[derive(Default)]
pub(super) struct Shares(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// By the name of a limit and whom it counts. Those beyond are counted in the table, call by call.
    subjects: Subjects<(&'static str, String), Share>,
    /// When the table last did not answer.
    unanswered_at: Option<Timestamp>,
}

/// Of one subject.
struct Share {
    /// When this process's own window began, and when it is over.
    began: Timestamp,
    ends: Timestamp,
    /// Let through in it without a word to the table.
    free: u32,
    /// Of those, how many the table does not know of yet.
    owed: u32,
    /// Let through while the table did not answer.
    alone: u32,
    /// Counted in the table and not let through yet.
    ahead: u32,
    /// Until when they may be.
    ahead_until: Timestamp,
    /// How many were last taken ahead, with the call that asked.
    taken: u32,
    /// Who asks the table. The others wait, for what that one takes ahead may be enough for them.
    gate: Arc<Gate<()>>,
}

/// What a call costs.
#[derive(Debug, PartialEq, Eq)]
enum Cost {
    /// Nothing: it is let through.
    Nothing,
    /// A question to the table.
    Question,
    /// The table does not answer, and the process may not let more through by itself.
    Unanswered,
}

/// What the table is asked: whether there is room for so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    /// Of those that were let through before.
    owed: u32,
    /// Of those that come now, the one that asks among them.
    taken: u32,
}

/// How many a process lets through by itself: first, and while the table does not answer; and how many it takes
/// at once at the most.
#[derive(Clone, Copy)]
struct Bounds {
    free: u32,
    alone: u32,
    taken: u32,
    window: Duration,
}

impl Bounds {
    fn of(rate: Rate) -> Self {
        Self {
            free: rate.limit / 100,
            alone: (rate.limit / 10).max(1),
            taken: (rate.limit / 20).max(1),
            window: Duration::from_secs(rate.seconds.into()),
        }
    }
}

impl Share {
    fn new(bounds: Bounds, now: Timestamp) -> Self {
        let (ends, gate) = (now.plus(bounds.window), Arc::default());
        Self { began: now, ends, free: 0, owed: 0, alone: 0, ahead: 0, ahead_until: now, taken: 1, gate }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        // A clock that went back begins anew.
        now < self.began || now >= self.ends
    }

    fn count(&mut self, bounds: Bounds, now: Timestamp, answers: bool) -> Cost {
        if self.is_over(now) {
            // What is owed is older than a window: it counts no more.
            (self.began, self.ends) = (now, now.plus(bounds.window));
            (self.free, self.owed, self.alone) = (0, 0, 0);
        }
        if self.ahead > 0 && now < self.ahead_until {
            self.ahead -= 1;
            return Cost::Nothing;
        }
        if self.free < bounds.free {
            self.free += 1;
            self.owed += 1;
            return Cost::Nothing;
        }
        if !answers {
            if self.alone >= bounds.alone {
                return Cost::Unanswered;
            }
            self.alone += 1;
            return Cost::Nothing;
        }
        Cost::Question
    }

    fn ask(&mut self, bounds: Bounds, now: Timestamp) -> Question {
        let in_time = now < self.ahead_until;
        let taken =
            if in_time { self.taken.saturating_mul(2) } else { self.taken.saturating_sub(self.ahead) };
        self.ahead = 0;
        Question { owed: std::mem::take(&mut self.owed), taken: taken.clamp(1, bounds.taken) }
    }

    fn took(&mut self, taken: u32, until: Timestamp) {
        let others = if self.ahead_until == until { self.ahead } else { 0 };
        (self.ahead, self.ahead_until, self.taken) = (others + taken.saturating_sub(1), until, taken);
    }
}

impl Shares {
    fn with<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, name: &'static str, subject: &str, bounds: Bounds, now: Timestamp) -> Cost {
        self.with(|inside| {
            let unanswered = inside.unanswered_at.is_some_and(|at| at <= now && now.since(at) < LEFT_ALONE);
            let key = (name, subject.to_owned());
            if !inside.subjects.known.contains_key(&key)
                && !inside.subjects.has_room(now, |share| share.is_over(now))
            {
                return if unanswered { Cost::Unanswered } else { Cost::Question };
            }
            inside.subjects.known.entry(key).or_insert_with(|| Share::new(bounds, now)).count(
                bounds,
                now,
                !unanswered,
            )
        })
    }

    /// Does something with the share of a subject, if it is still remembered.
    fn change<T>(
        &self,
        name: &'static str,
        subject: &str,
        change: impl FnOnce(&mut Share) -> T,
    ) -> Option<T> {
        self.with(|inside| inside.subjects.known.get_mut(&(name, subject.to_owned())).map(change))
    }
}

/// The name of a limit in keys and headers.
fn name(class: Class, by: By) -> &'static str {
    match (class, by) {
        (Class::Auth, By::Principal) => "auth-by-principal",
        (Class::Auth, By::Address) => "auth-by-address",
        (Class::Public, By::Principal) => "public-by-principal",
        (Class::Public, By::Address) => "public-by-address",
        (Class::Read, By::Principal) => "read-by-principal",
        (Class::Read, By::Address) => "read-by-address",
        (Class::Write, By::Principal) => "write-by-principal",
        (Class::Write, By::Address) => "write-by-address",
        (Class::Publish, By::Principal) => "publish-by-principal",
        (Class::Publish, By::Address) => "publish-by-address",
        (Class::Verify, By::Principal) => "verify-by-principal",
        (Class::Verify, By::Address) => "verify-by-address",
    }
}

impl Limiter {
    /// Counts a call of `subject` to a route of a class; how the limit stands, if there is no room for it.
    /// No call to the table in most cases, one otherwise, or two at the end of the limit.
    pub async fn pass(
        &self,
        (class, by, rate): (Class, By, Rate),
        subject: &str,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Option<RateLimit>, StoreError> {
        let (name, Rate { limit, seconds }) = (name(class, by), rate);
        if class.is_exact() {
            let window = Window { name, limit, seconds };
            return Ok(self.take(window, subject, now).await?.full());
        }
        let (sliding, bounds) = (Sliding { name, limit, seconds }, Bounds::of(rate));
        let left_alone = || StoreError::Unavailable("the limits did not answer a moment ago".to_owned());
        match self.shares.count(name, subject, bounds, now) {
            Cost::Nothing => return Ok(None),
            Cost::Unanswered => return Err(left_alone()),
            Cost::Question => {}
        }
        let gate = self.shares.change(name, subject, |share| Arc::clone(&share.gate)).unwrap_or_default();
        let _asking = gate.lock().await;
        match self.shares.count(name, subject, bounds, now) {
            Cost::Nothing => return Ok(None),
            Cost::Unanswered => return Err(left_alone()),
            Cost::Question => {}
        }
        let question = self.shares.change(name, subject, |share| share.ask(bounds, now));
        let Question { owed, taken } = question.unwrap_or(Question { owed: 0, taken: 1 });
        let change = |change: &dyn Fn(&mut Share)| {
            self.shares.change(name, subject, |share| change(share)).unwrap_or_default();
        };
        let owes = |share: &mut Share| share.owed = share.owed.saturating_add(owed);
        let until = sliding.ends(now);
        match self.slide(sliding, subject, owed + taken, now, entropy).await {
            Ok(Slid::Through(_)) => {
                change(&|share| share.took(taken, until));
                return Ok(None);
            }
            Ok(Slid::Full(state)) => {
                change(&owes);
                if owed + taken == 1 {
                    return Ok(Some(state));
                }
            }
            Err(error) => return self.unanswered(bounds, (name, subject, owed), now, error),
        }
        // For all of it there is no room; perhaps for this call.
        match self.slide(sliding, subject, 1, now, entropy).await {
            Ok(Slid::Through(_)) => {
                // And no more than one at a time from here.
                change(&|share| share.took(0, until));
                Ok(None)
            }
            Ok(Slid::Full(state)) => Ok(Some(state)),
            Err(error) => self.unanswered(bounds, (name, subject, 0), now, error),
        }
    }

    /// The table did not answer: who goes on without it?
    fn unanswered(
        &self,
        bounds: Bounds,
        (name, subject, owed): (&'static str, &str, u32),
        now: Timestamp,
        error: StoreError,
    ) -> Result<Option<RateLimit>, StoreError> {
        let goes_on = self.shares.with(|inside| {
            let share = inside.subjects.known.get_mut(&(name, subject.to_owned()));
            let goes_on = share.is_some_and(|share| {
                share.owed = share.owed.saturating_add(owed);
                let goes_on = share.alone < bounds.alone;
                share.alone += u32::from(goes_on);
                goes_on
            });
            inside.unanswered_at = Some(now);
            goes_on
        });
        tracing::warn!(%error, limit = name, "the limits do not answer");
        if goes_on { Ok(None) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::subjects::SUBJECTS_MAX;

    const RATE: Rate = Rate { limit: 600, seconds: 60 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + ms)
    }

    /// What a call costs: nothing, or a question.
    fn call(share: &mut Share, ms: i64) -> Option<Question> {
        let bounds = Bounds::of(RATE);
        match share.count(bounds, at(ms), true) {
            Cost::Nothing => None,
            Cost::Question => Some(share.ask(bounds, at(ms))),
            Cost::Unanswered => panic!("it answers"),
        }
    }

    fn asking(owed: u32, taken: u32) -> Question {
        Question { owed, taken }
    }

    #[test]
    fn a_hundredth_is_free_and_then_owed() {
        let mut share = Share::new(Bounds::of(RATE), at(0));
        let costs: Vec<_> = (0..8).map(|ms| call(&mut share, ms)).collect();
        let free = [None; 6];
        assert_eq!(costs, [&free[..], &[Some(asking(6, 1)), Some(asking(0, 1))]].concat());
        // In the next window there is another hundredth, and what was owed is too old to count.
        share.owed = 6;
        let costs: Vec<_> = (60_000..60_007).map(|ms| call(&mut share, ms)).collect();
        assert_eq!(costs, [&free[..], &[Some(asking(6, 1))]].concat());
    }

    #[test]
    fn whoever_is_in_a_hurry_takes_twice_as_many_up_to_a_twentieth() {
        let mut share = Share::new(Bounds::of(RATE), at(0));
        let mut asked = Vec::new();
        for _ in 0..300 {
            if let Some(Question { taken, .. }) = call(&mut share, 1) {
                asked.push(taken);
                share.took(taken, at(6000));
            }
        }
        assert_eq!(asked, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30, 30]);
    }

    #[test]
    fn what_is_not_used_in_its_slice_is_lost_and_not_taken_again() {
        let mut share = Share::new(Bounds::of(RATE), at(0));
        share.free = 6;
        share.took(16, at(6000));
        assert_eq!(call(&mut share, 5999), None);
        // Fifteen were ahead, one of them was used: two in all were wanted.
        assert_eq!(call(&mut share, 6000), Some(asking(0, 2)));
    }

    #[test]
    fn while_the_table_does_not_answer_a_tenth_goes_through() {
        let bounds = Bounds::of(RATE);
        let mut share = Share::new(bounds, at(0));
        let through = (0..600).filter(|ms| share.count(bounds, at(*ms), false) == Cost::Nothing).count();
        assert_eq!(through, 66, "a hundredth and a tenth");
    }

    #[test]
    fn the_memory_is_bounded_and_whoever_does_not_fit_is_counted_in_the_table() {
        let (shares, bounds) = (Shares::default(), Bounds::of(RATE));
        let count = |subject: usize, ms| shares.count("x", &subject.to_string(), bounds, at(ms));
        for subject in 0..SUBJECTS_MAX {
            assert_eq!(count(subject, 0), Cost::Nothing);
        }
        assert_eq!(count(SUBJECTS_MAX, 1), Cost::Question);
        assert_eq!(count(0, 1), Cost::Nothing);
        // A window later nobody is remembered.
        assert_eq!(count(SUBJECTS_MAX, 60_000), Cost::Nothing);
    }

    #[test]
    fn room_is_looked_for_once_in_a_second_and_not_at_each_call() {
        let (shares, bounds) = (Shares::default(), Bounds::of(RATE));
        let count = |subject: usize, ms| shares.count("x", &subject.to_string(), bounds, at(ms));
        for subject in 0..SUBJECTS_MAX {
            count(subject, i64::try_from(subject).unwrap());
        }
        assert_eq!(count(SUBJECTS_MAX, 5000), Cost::Question);
        // Only looking finds that this one is over, and nobody looks.
        shares.change("x", "7", |share| share.ends = at(5001)).unwrap();
        assert_eq!([count(SUBJECTS_MAX, 5002), count(SUBJECTS_MAX, 5999)], [Cost::Question, Cost::Question]);
        let later = [0, 1, 2].map(|more| count(SUBJECTS_MAX + more, 60_000));
        assert_eq!(later, [Cost::Nothing, Cost::Nothing, Cost::Question]);
        // Windows end one after the other now, and still it is once in a second.
        let apart = [60_999, 61_000].map(|ms| count(SUBJECTS_MAX + 2, ms));
        assert_eq!(apart, [Cost::Question, Cost::Nothing]);
    }

    #[test]
    fn room_is_looked_for_at_once_when_the_clock_went_back() {
        let (shares, bounds) = (Shares::default(), Bounds::of(RATE));
        let count = |subject: usize, ms| shares.count("x", &subject.to_string(), bounds, at(ms));
        for subject in 0..SUBJECTS_MAX {
            count(subject, 5000);
        }
        assert_eq!(count(SUBJECTS_MAX, 5000), Cost::Question);
        assert_eq!(count(SUBJECTS_MAX, 4000), Cost::Nothing);
    }
}
