//! Record: what came of an attempt is written on the delivery as it was before, and then the next
//! attempt is put into the queue.
//!
//! In this order: a dispatcher that dies in between leaves a record and a message that SQS hands
//! out again, and [`crate::load`] sees from both that the next task may be missing.

use shared::delivery::{Attempt, Next, Outcome, Recorded, waits_in_the_table};
use shared::queue::DeliveryTask;

use crate::load::Prepared;
use crate::send::Sent;
use crate::{DispatchError, Dispatcher, schedule};

impl Dispatcher {
    pub(crate) async fn record(&self, prepared: Prepared, sent: Sent) -> Result<(), DispatchError> {
        let Prepared { org, event, webhook, delivery, attempt: number } = prepared;
        let Sent { outcome, duration_ms, response_body } = sent;
        let now = self.core.clock.now();
        let attempt = Attempt { number, at: now, outcome, duration_ms, response_body };
        let next = schedule::next(number, outcome, now, event.expires_at(), self.core.entropy.jitter()?);
        tracing::info!(
            event = %event.id, webhook = %webhook.id, organization = %org, attempt = number, duration_ms,
            outcome = outcome.as_str(), reason = outcome.reason(), status = outcome.status(), next = ?next,
            "delivery attempted"
        );
        // `load` has made sure that this attempt is the one that is due.
        let Ok(delivery) = delivery.after(attempt.clone(), next) else { return Ok(()) };
        let failed = match outcome {
            Outcome::Delivered { .. } => None,
            Outcome::Rejected { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => Some(&attempt),
        };
        let gone = (next == Next::SwitchOff).then_some(&webhook);
        let recorded = self.core.table.record_attempt(org, &delivery, failed, gone).await?;
        match (recorded, next) {
            // That it is due is on record, too; the sweeper puts it into the queue in time.
            (Recorded::Now, Next::Retry { due }) if waits_in_the_table(due, now) => Ok(()),
            (Recorded::Now, Next::Retry { due }) => {
                let task = DeliveryTask::new(org, delivery.id, number.saturating_add(1), due);
                Ok(self.queue.send(&[task], self.core.clock.now()).await?)
            }
            // A copy of the message was faster, and has sent the next task itself.
            (Recorded::Before, _) | (Recorded::Now, Next::Done | Next::GiveUp | Next::SwitchOff) => Ok(()),
        }
    }
}
