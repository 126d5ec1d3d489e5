//! Failures that took different work take the same time.
//!
//! A login that fails has read one item or three, and computed a hash of today or one that came from
//! elsewhere, which costs ten times as much or a tenth. Whoever can tell these apart with a clock
//! learns who has an account, and of what kind. So a failed answer is held back to the next multiple
//! of a fixed step. Noise would not do: it averages out.
//!
//! What a stored hash may cost is bounded so that it fits into one step with the reads around it, on
//! a whole core. A function with a part of one, or a machine that is busy, may need a second step
//! for the costliest hashes: give it the memory that comes with a core while such accounts are there.
//!
//! Success waits for nothing: it says that the account exists anyway.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The step that failures are held back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Duration);

impl Level {
    /// Half a second: the costliest hash that is taken needs a third of a second of a core.
    pub const fn of_logins() -> Self {
        Self(Duration::from_millis(500))
    }

    /// Another step; zero is [`Self::off`].
    pub const fn new(step: Duration) -> Self {
        Self(step)
    }

    /// Nothing is held back: for tests, which have no time to lose.
    pub const fn off() -> Self {
        Self(Duration::ZERO)
    }

    /// Does the work, and holds it back if it fails.
    pub(crate) async fn failures<T, E>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let start = Instant::now();
        let outcome = work.await;
        if outcome.is_err() {
            self.wait(start).await;
        }
        outcome
    }

    /// Waits for the next multiple of the step since `start`.
    pub(crate) async fn wait(self, start: Instant) {
        sleep(self.rest(start.elapsed())).await;
    }

    /// How long it is until then.
    fn rest(self, elapsed: Duration) -> Duration {
        let (step, elapsed) = (self.0.as_nanos(), elapsed.as_nanos());
        if step == 0 {
            return Duration::ZERO;
        }
        let steps = elapsed.div_ceil(step).max(1);
        Duration::from_nanos_u128(steps * step - elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_failure_ends_at_a_multiple_of_the_step() {
        let level = Level::new(ms(250));
        for (elapsed, rest) in [(0, 250), (1, 249), (30, 220), (249, 1), (250, 0), (251, 249), (740, 10)] {
            assert_eq!(level.rest(ms(elapsed)), ms(rest), "{elapsed}");
        }
    }

    #[test]
    fn without_a_step_nothing_waits() {
        for elapsed in [0, 1, 1_000_000] {
            assert_eq!(Level::off().rest(ms(elapsed)), Duration::ZERO);
        }
    }

    #[tokio::test]
    async fn failures_wait_and_success_does_not() {
        let start = Instant::now();
        // An hour would be noticed.
        assert_eq!(Level::new(ms(3_600_000)).failures(async { Ok::<_, ()>("in") }).await, Ok("in"));
        assert_eq!(Level::new(ms(20)).failures(async { Err::<(), _>("out") }).await, Err("out"));
        assert!(start.elapsed() >= ms(20), "{:?}", start.elapsed());
    }
}
