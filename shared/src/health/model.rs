//! What is known of a receiver, and what follows from it. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::EventId;

/// Failures without a success in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    /// When the first was.
    pub since: Timestamp,
    /// How many there were.
    pub failures: u32,
    /// Some of the events that failed: enough to tell one from several.
    pub events: Vec<EventId>,
    /// When the last was.
    pub last_at: Timestamp,
    /// What the last was.
    pub last_error: String,
    /// When the administrators were warned that the webhook will be switched off, if they were.
    pub warned_at: Option<Timestamp>,
}

impl Streak {
    /// How many failures open the breaker.
    pub const FAILURES: u32 = 5;
    /// Over how many events: one that its receiver cannot take says nothing of the others.
    pub const EVENTS: usize = 3;
    /// How long a receiver may fail until its webhook is switched off.
    pub const DISABLES_AFTER: Duration = Duration::from_hours(5 * 24);
    /// When its administrators are warned of that.
    pub const WARNS_AFTER: Duration = Duration::from_hours(60);
    /// How much time they have, at the least: a webhook with little traffic may have failed for longer when its
    /// failures are seen to be the receiver's.
    const WARNED_FOR: Duration = Duration::from_hours(24);

    /// Whether it is the receiver that fails, and not what it was sent.
    pub fn is_the_receiver(&self) -> bool {
        self.failures >= Self::FAILURES && self.events.len() >= Self::EVENTS
    }

    /// Whether its webhook is to be switched off at `now`.
    pub fn disables(&self, now: Timestamp) -> bool {
        let warned = self.warned_at.is_some_and(|at| now.since(at) >= Self::WARNED_FOR);
        self.is_the_receiver() && warned && now.since(self.since) >= Self::DISABLES_AFTER
    }

    /// When its webhook is switched off if it goes on so; what counts, and is known, at `now`.
    pub fn disables_at(&self, now: Timestamp) -> Timestamp {
        let warned = self.warned_at.unwrap_or(now.max(self.since.plus(Self::WARNS_AFTER)));
        self.since.plus(Self::DISABLES_AFTER).max(warned.plus(Self::WARNED_FOR))
    }

    /// Whether its administrators are to be warned at `now`.
    pub fn warns(&self, now: Timestamp) -> bool {
        self.is_the_receiver() && self.warned_at.is_none() && now.since(self.since) >= Self::WARNS_AFTER
    }
}

/// Whether deliveries are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// They are.
    Closed,
    /// They are parked. One of them is tried now and then.
    Open {
        /// Since when.
        since: Timestamp,
        /// How many were tried meanwhile.
        probes: u16,
        /// When the next one is.
        due: Timestamp,
    },
    /// A trial has succeeded: new ones are tried, and the parked ones in their order.
    Draining {
        /// Since when the breaker was open.
        since: Timestamp,
        /// How many of them the next turn takes.
        page: u16,
        /// When it is.
        due: Timestamp,
        /// Whether that is the slot which the webhook's pace gave to its first delivery.
        paced: bool,
    },
}

impl Breaker {
    /// The longest wait between two trials, whatever the schedule says: who has mended their receiver should
    /// not wait for half a day.
    const PROBE_WAIT_MAX: Duration = Duration::from_mins(15);
    /// What one turn takes at the most.
    const PAGE_MAX: u16 = 64;
    /// How long one turn comes after the other, at the least.
    const TURN: Duration = Duration::from_secs(1);
    /// Of how many of the oldest the trials take one in turn, before they take the newest once: the oldest may
    /// be one that its receiver can never take.
    pub const CANDIDATES: u16 = 3;

    /// The longest wait that a receiver can ask for: one answer must not silence its webhook for longer.
    const ASKED_MAX: Duration = Duration::from_hours(6);

    /// How long after a trial that failed the next one is. `planned` is the wait that the webhook's schedule
    /// has for it, `asked` what the receiver asks for.
    pub fn probe_wait(planned: Duration, asked: Option<Duration>) -> Duration {
        planned.min(Self::PROBE_WAIT_MAX).max(asked.unwrap_or_default().min(Self::ASKED_MAX))
    }

    /// Draining from now on.
    pub fn drains(since: Timestamp, now: Timestamp) -> Self {
        Self::Draining { since, page: 1, due: now, paced: false }
    }

    /// What follows a turn that took `page` and did not end in another state: twice as many.
    pub fn ramped(since: Timestamp, page: u16, now: Timestamp) -> Self {
        let page = page.saturating_mul(2).min(Self::PAGE_MAX);
        Self::Draining { since, page, due: now.plus(Self::TURN), paced: false }
    }
}

/// How many deliveries are sent in a while. It is slower than what the webhook asks for as long as its
/// receiver answers 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many in a thousand seconds.
    pub per_1000_s: u32,
    /// Since when.
    pub since: Timestamp,
}

impl Pace {
    /// Where halving begins if the webhook names no limit: 64 in a second.
    const UNLIMITED: u32 = 64_000;
    /// Where it ends: one in ten seconds.
    const SLOWEST: u32 = 100;
    /// How long a pace lasts until it can be halved again: those that were under way then say nothing new.
    const HALVED_FOR: Duration = Duration::from_secs(1);
    /// How long a pace lasts until it is doubled again.
    const DOUBLED_AFTER: Duration = Duration::from_secs(10);

    fn limit(max_per_second: Option<u32>) -> u32 {
        max_per_second.map_or(Self::UNLIMITED, |limit| limit.saturating_mul(1000))
    }

    /// After a 429 at `now`; nothing where it was halved a moment ago.
    pub fn halved(current: Option<Self>, max_per_second: Option<u32>, now: Timestamp) -> Option<Self> {
        let before = match current {
            Some(pace) if now.since(pace.since) < Self::HALVED_FOR => return None,
            Some(pace) => pace.per_1000_s,
            None => Self::limit(max_per_second),
        };
        Some(Self { per_1000_s: (before / 2).max(Self::SLOWEST), since: now })
    }

    /// After a success at `now`: nothing where it is too early, and otherwise the pace, or none where it is
    /// as fast again as it may be.
    pub fn doubled(self, max_per_second: Option<u32>, now: Timestamp) -> Option<Option<Self>> {
        if now.since(self.since) < Self::DOUBLED_AFTER {
            return None;
        }
        let faster = self.per_1000_s.saturating_mul(2);
        let restored = faster >= Self::limit(max_per_second);
        Some((!restored).then_some(Self { per_1000_s: faster, since: now }))
    }

    /// How many are sent in a thousand seconds, if there is any limit.
    pub fn per_1000_s(current: Option<Self>, max_per_second: Option<u32>) -> Option<u32> {
        let slowed = current.map(|pace| pace.per_1000_s);
        let asked = max_per_second.map(|limit| limit.saturating_mul(1000));
        slowed.into_iter().chain(asked).min()
    }

    /// The time from one delivery to the next, if there is any limit.
    pub fn interval(current: Option<Self>, max_per_second: Option<u32>) -> Option<Duration> {
        let per_1000_s = Self::per_1000_s(current, max_per_second)?;
        Some(Duration::from_micros(1_000_000_000 / u64::from(per_1000_s.max(1))))
    }
}

/// What is known of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its failures since the last success, if it failed then.
    pub streak: Option<Streak>,
    /// Whether deliveries are tried.
    pub breaker: Breaker,
    /// The turn of the backlog that comes next.
    pub turn: u64,
    /// Its pace, where that is not what the webhook asks for.
    pub pace: Option<Pace>,
}

impl Health {
    /// Of a receiver of which nothing is known.
    pub const UNKNOWN: Self = Self { streak: None, breaker: Breaker::Closed, turn: 0, pace: None };

    /// Whether new deliveries are parked.
    pub fn parks(&self) -> bool {
        matches!(self.breaker, Breaker::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn streak(failures: u32, events: usize) -> Streak {
        let entropy = Entropy::system();
        let events = (0..events).map(|_| EventId::new(NOW, &entropy).unwrap()).collect();
        Streak { since: NOW, failures, events, last_at: NOW, last_error: String::new(), warned_at: None }
    }

    #[test]
    fn one_event_says_nothing_of_the_receiver() {
        let said = [(5, 3), (4, 3), (5, 2), (1000, 1)].map(|(f, e)| streak(f, e).is_the_receiver());
        assert_eq!(said, [true, false, false, false]);
    }

    #[test]
    fn five_days_of_failures_switch_off_and_half_of_them_warn() {
        let failing = streak(5, 3);
        let after = |hours| NOW.plus(Duration::from_hours(hours));
        let warns = [59, 60, 119, 120].map(|hours| failing.warns(after(hours)));
        assert_eq!(warns, [false, true, true, true]);
        let warned = |at| Streak { warned_at: Some(after(at)), ..failing.clone() };
        assert!(!warned(60).warns(after(61)), "once");
        let off = |at, hours| warned(at).disables(after(hours));
        assert_eq!([off(60, 119), off(60, 120), off(119, 142), off(119, 143)], [false, true, false, true]);
        assert!(!failing.disables(after(1000)), "nobody was warned");
        let said = [
            failing.disables_at(after(1)),
            warned(119).disables_at(after(1)),
            failing.disables_at(after(200)),
        ];
        assert_eq!(said, [120, 143, 224].map(after));
        assert!(!Streak { warned_at: Some(NOW), ..streak(1000, 2) }.disables(after(1000)));
    }

    #[test]
    fn a_429_halves_the_pace_and_successes_bring_it_back() {
        let at = |seconds| NOW.plus(Duration::from_secs(seconds));
        let half = Pace::halved(None, Some(10), NOW).unwrap();
        assert_eq!(half, Pace { per_1000_s: 5000, since: NOW });
        assert_eq!(Pace::halved(Some(half), Some(10), NOW), None, "not twice at once");
        let quarter = Pace::halved(Some(half), Some(10), at(1)).unwrap();
        assert_eq!(quarter.per_1000_s, 2500);
        assert_eq!(quarter.doubled(Some(10), at(10)), None);
        assert_eq!(quarter.doubled(Some(10), at(11)), Some(Some(Pace { per_1000_s: 5000, since: at(11) })));
        assert_eq!(half.doubled(Some(10), at(11)), Some(None));
        let mut slow = Pace::halved(None, None, NOW).unwrap();
        assert_eq!(slow.per_1000_s, 32_000);
        for second in 1..20 {
            slow = Pace::halved(Some(slow), None, at(second)).unwrap();
        }
        assert_eq!(slow.per_1000_s, 100);
        assert_eq!(Pace::interval(Some(slow), Some(10)), Some(Duration::from_secs(10)));
        assert_eq!(Pace::interval(None, Some(10)), Some(Duration::from_millis(100)));
        assert_eq!(Pace::interval(None, None), None);
    }

    #[test]
    fn a_drain_takes_twice_as_many_each_turn_and_no_more_than_it_may() {
        let mut page = 1;
        let mut pages = Vec::new();
        for _ in 0..8 {
            pages.push(page);
            let Breaker::Draining { page: next, .. } = Breaker::ramped(NOW, page, NOW) else { panic!() };
            page = next;
        }
        assert_eq!(pages, [1, 2, 4, 8, 16, 32, 64, 64]);
    }

    #[test]
    fn trials_come_by_the_schedule_and_not_rarer_than_every_quarter_of_an_hour() {
        let minutes = Duration::from_mins;
        assert_eq!(Breaker::probe_wait(minutes(5), None), minutes(5));
        assert_eq!(Breaker::probe_wait(minutes(600), None), minutes(15));
        assert_eq!(Breaker::probe_wait(minutes(600), Some(minutes(60))), minutes(60));
        assert_eq!(Breaker::probe_wait(minutes(5), Some(Duration::MAX)), minutes(360));
    }
}
