//! Fan out: the first tasks of an event that has more webhooks than whoever publishes can wait for.
//!
//! A dispatcher that dies in between begins again where its message says. A task that is sent twice is dropped
//! by whoever gets it second.

use shared::clock::Timestamp;
use shared::queue::{FanOutTask, Task};

use crate::{DispatchError, Dispatcher};

/// Tasks that are sent before the time is looked at: ten calls.
const PAGE: usize = 100;

impl Dispatcher {
    pub(crate) async fn fan_out(&self, task: &FanOutTask, deadline: Timestamp) -> Result<(), DispatchError> {
        let now = self.core.clock.now();
        let FanOutTask { organization, event, from, .. } = *task;
        let Some(event) = self.core.table.event(organization, event, now).await? else {
            tracing::info!(event = %event, "an event is not kept any more");
            return Ok(());
        };
        let tasks: Vec<Task> = event.first_tasks(now).skip(from).map(Task::from).collect();
        for (page, tasks) in tasks.chunks(PAGE).enumerate() {
            let now = self.core.clock.now();
            if page > 0 && deadline.since(now) < Self::OVERHEAD {
                let rest = FanOutTask::new(organization, event.id, from + page * PAGE, now);
                return Ok(self.queue.send(&[rest.into()], now).await?);
            }
            self.queue.send(tasks, now).await?;
        }
        Ok(())
    }
}
