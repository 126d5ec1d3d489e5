//! When a failed delivery is tried again. Pure.

use shared::clock::Timestamp;
use shared::delivery::{Next, Outcome};
use shared::webhook::RetrySchedule;

/// What follows attempt `number`, which ended at `now`. `jitter` is from -1 to 1; nothing is
/// planned beyond `expires_at`, when the event is forgotten.
pub fn next(
    schedule: &RetrySchedule,
    (number, outcome): (u16, Outcome),
    now: Timestamp,
    expires_at: Timestamp,
    jitter: f64,
) -> Next {
    let retry_after = match outcome {
        Outcome::Delivered { .. } => return Next::Done,
        Outcome::Rejected { status: 410, .. } => return Next::SwitchOff,
        Outcome::Rejected { retry_after, .. } => retry_after,
        Outcome::TimedOut | Outcome::Unreachable(_) => None,
    };
    let Some(planned) = schedule.after(number, jitter) else { return Next::GiveUp };
    // The receiver's own word counts in full when it asks for more.
    let due = now.plus(planned.max(retry_after.unwrap_or_default()));
    if due < expires_at { Next::Retry { due } } else { Next::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const FAR: Timestamp = Timestamp::from_seconds(9_000_000);
    const FAILED: Outcome = Outcome::Rejected { status: 500, retry_after: None };

    /// By the default schedule.
    fn next(number: u16, outcome: Outcome, now: Timestamp, expires_at: Timestamp, jitter: f64) -> Next {
        super::next(&RetrySchedule::default(), (number, outcome), now, expires_at, jitter)
    }

    fn seconds(next: Next) -> Option<u64> {
        match next {
            Next::Retry { due } => Some(due.since(NOW).as_secs()),
            Next::Done | Next::Park | Next::GiveUp | Next::SwitchOff => None,
        }
    }

    #[test]
    fn eight_attempts_spread_over_a_day() {
        let waits: Vec<_> = (1..=8).map(|number| seconds(next(number, FAILED, NOW, FAR, 0.0))).collect();
        let planned = [5, 300, 1800, 7200, 18_000, 36_000, 36_000].map(Some);
        assert_eq!(waits, [planned.as_slice(), &[None]].concat());
        assert_eq!(next(8, FAILED, NOW, FAR, 0.0), Next::GiveUp);
        assert_eq!(next(u16::MAX, FAILED, NOW, FAR, 0.0), Next::GiveUp);
        assert_eq!(next(0, FAILED, NOW, FAR, 0.0), Next::GiveUp);
    }

    #[test]
    fn jitter_moves_a_wait_by_a_fifth_at_most() {
        let at = |jitter| seconds(next(2, FAILED, NOW, FAR, jitter));
        assert_eq!([at(-1.0), at(1.0), at(-9.0), at(9.0)], [240, 360, 240, 360].map(Some));
    }

    #[test]
    fn retry_after_counts_in_full_when_it_is_longer() {
        let asked = |wait| Outcome::Rejected { status: 429, retry_after: Some(Duration::from_secs(wait)) };
        assert_eq!(seconds(next(1, asked(86_400), NOW, FAR, 0.0)), Some(86_400));
        assert_eq!(seconds(next(1, asked(1), NOW, FAR, 0.0)), Some(5));
        assert_eq!(next(1, asked(u64::MAX), NOW, FAR, 0.0), Next::GiveUp);
    }

    #[test]
    fn success_ends_and_gone_switches_off() {
        assert_eq!(next(3, Outcome::Delivered { status: 204 }, NOW, FAR, 0.0), Next::Done);
        assert_eq!(
            next(1, Outcome::Rejected { status: 410, retry_after: None }, NOW, FAR, 0.0),
            Next::SwitchOff
        );
    }

    #[test]
    fn nothing_is_planned_beyond_the_event() {
        let soon = NOW.plus(Duration::from_secs(5));
        assert_eq!(next(1, Outcome::TimedOut, NOW, soon, 0.0), Next::GiveUp);
    }

    #[test]
    fn a_webhook_may_have_a_schedule_of_its_own() {
        let schedule = RetrySchedule::new(vec![60, 7]).unwrap();
        let waits = [1, 2, 3].map(|n| seconds(super::next(&schedule, (n, FAILED), NOW, FAR, 0.0)));
        assert_eq!(waits, [Some(60), Some(7), None]);
        let once = RetrySchedule::new(Vec::new()).unwrap();
        assert_eq!(super::next(&once, (1, FAILED), NOW, FAR, 0.0), Next::GiveUp);
    }
}
