//! Attempts that become due: from the table into the queue, with the delay that is left.
//!
//! Minutes are swept in their order, and a mark says up to which one. A minute that is nearer than
//! [`AHEAD`] gets no more attempts (they are written [`shared::delivery::QUEUED_WITHIN`] ahead), so its end is
//! its end. After an outage the mark is where it was, and the minutes since are caught up.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::observe::Metric;
use shared::queue::Task;
use shared::table::keys::SHARDS;

use crate::{SweepError, Sweeper};

const MARK: &str = "due";
/// How far ahead of their time attempts go into the queue. What is between this and 15 minutes is for clocks
/// that differ, writers that are slow, and sweeps that were missed.
const AHEAD: Duration = Duration::from_mins(5);
/// How far back the first run looks: longer than it can take until a new stack has a first run.
const BEFORE_FIRST: Duration = Duration::from_hours(2);
/// Attempts that are read, sent and deleted together.
const PAGE: u16 = 100;

fn minute_of(at: Timestamp) -> i64 {
    at.seconds() / 60
}

impl Sweeper {
    /// Sweeps until `end`; how many attempts it has put into the queue.
    pub(crate) async fn sweep_due(&self, end: Timestamp) -> Result<usize, SweepError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let mut done = table.sweeper_mark(MARK).await?.unwrap_or(minute_of(now.minus(BEFORE_FIRST)) - 1);
        let swept = self.sweep_minutes(&mut done, end).await;
        // Also of a run that failed: then it is what has to be known.
        let behind = minute_of(self.core.clock.now().plus(AHEAD)).saturating_sub(done);
        self.core.observer.measure(Metric::SweeperLag, u64::try_from(behind).unwrap_or(0).saturating_mul(60));
        swept
    }

    /// Sweeps the minutes after `done`, and moves it and the mark on with each that is done.
    async fn sweep_minutes(&self, done: &mut i64, end: Timestamp) -> Result<usize, SweepError> {
        let mut sent = 0;
        for minute in *done + 1..=minute_of(self.core.clock.now().plus(AHEAD)) {
            for shard in 0..SHARDS {
                let Some(more) = self.sweep_shard(minute, shard, end).await? else { return Ok(sent) };
                sent += more;
            }
            self.core.table.move_sweeper_mark(MARK, minute).await?;
            *done = minute;
        }
        Ok(sent)
    }

    /// `None` where there was no time left.
    async fn sweep_shard(&self, minute: i64, shard: u8, end: Timestamp) -> Result<Option<usize>, SweepError> {
        let table = &self.core.table;
        let mut sent = 0;
        loop {
            let now = self.core.clock.now();
            if now >= end {
                tracing::warn!(
                    minute,
                    shard,
                    "there is more to sweep than one run can: the next one goes on"
                );
                return Ok(None);
            }
            let dues = table.due_in(minute, shard, PAGE).await?;
            if dues.is_empty() {
                return Ok(Some(sent));
            }
            let tasks: Vec<_> = dues.iter().copied().map(Task::of_due).collect();
            // Sent before deleted: twice rather than never.
            self.queue.send(&tasks, now).await?;
            table.delete_due(&dues).await?;
            sent += dues.len();
        }
    }
}
