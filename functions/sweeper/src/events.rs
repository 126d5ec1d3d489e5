//! The reconciler: events that are in the table and whose deliveries never came into the queue. Their
//! publisher died in between, or the queue was away.
//!
//! Once an hour is over and [`GRACE`] with it, every event of whoever published in it is compared with its
//! deliveries. One that has none is put into the queue again. A delivery that merely waits in a long queue
//! gets a second task, and the dispatcher drops the later of the two.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::event::{Event, Hour, hour_of};
use shared::id::OrgId;
use shared::queue::Task;
use shared::table::keys::SHARDS;

use crate::{SweepError, Sweeper};

const MARK: &str = "events";
/// How long after the hour an event may still be on its way.
const GRACE: Duration = Duration::from_mins(15);
/// How far back an outage is made up for.
const HOURS_MAX: i64 = 6 * 24;
/// Events that are read together.
const PAGE: u16 = 100;

impl Sweeper {
    /// Reconciles until `end`; how many deliveries it has put into the queue.
    pub(crate) async fn reconcile(&self, end: Timestamp) -> Result<usize, SweepError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let last = hour_of(now.minus(GRACE)) - 1;
        let done = table.sweeper_mark(MARK).await?.unwrap_or(last - 1).max(last - HOURS_MAX);
        let mut sent = 0;
        for hour in done + 1..=last {
            for shard in 0..SHARDS {
                for org in table.active_in(hour, shard).await? {
                    let Some(more) = self.reconcile_organization(org, hour, end).await? else {
                        tracing::warn!(
                            hour,
                            "there is more to reconcile than one run can: the next one starts the hour over"
                        );
                        return Ok(sent);
                    };
                    sent += more;
                }
            }
            table.move_sweeper_mark(MARK, hour).await?;
        }
        Ok(sent)
    }

    /// `None` where there was no time left.
    async fn reconcile_organization(
        &self,
        org: OrgId,
        hour: Hour,
        end: Timestamp,
    ) -> Result<Option<usize>, SweepError> {
        let mut last: Option<Event> = None;
        let mut sent = 0;
        loop {
            if self.core.clock.now() >= end {
                return Ok(None);
            }
            let events = self.core.table.events_of_hour(org, hour, last.as_ref(), PAGE).await?;
            for event in &events {
                sent += self.send_missing(event).await?;
            }
            match events.into_iter().last() {
                Some(event) => last = Some(event),
                None => return Ok(Some(sent)),
            }
        }
    }

    async fn send_missing(&self, event: &Event) -> Result<usize, SweepError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let deliveries = table.deliveries_of_event(event.org, event.id, &event.matched).await?;
        let known = deliveries.into_iter().map(|delivery| delivery.is_some());
        let missing = event.first_tasks(now).zip(known).filter(|(_, known)| !known);
        let tasks: Vec<Task> = missing.map(|(task, _)| task.into()).collect();
        if !tasks.is_empty() {
            tracing::warn!(event = %event.id, organization = %event.org, deliveries = tasks.len(), "deliveries that were never tried are in the queue again");
            self.queue.send(&tasks, now).await?;
        }
        Ok(tasks.len())
    }
}
