//! Dead letters: messages that the dispatcher gave back five times. Each becomes visible in its delivery as
//! `failed_internally`, from where it can be sent again; an alarm tells the operator.

use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use shared::delivery::{Delivery, State};
use shared::observe::{Metric, redacted};
use shared::problem::chain;
use shared::queue::{DeliveryTask, FanOutTask, Task, TurnTask};

use crate::{SweepError, Sweeper};

/// How long what nobody else would make up for is left alone.
const LATER: Duration = Duration::from_mins(15);

impl Sweeper {
    pub(crate) async fn take_dead_letters(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let body = message.body.unwrap_or_default();
            let task = match Task::parse(&body) {
                Ok(task) => task,
                Err(error) => {
                    // There is no delivery to write on; a task holds no secret, so the log can have it.
                    tracing::error!(%error, body = redacted(&body), "a dead letter that is no task of ours");
                    self.core.observer.count(Metric::DeadLetters, 1);
                    continue;
                }
            };
            let Err(error) = self.take_dead_letter(&task).await else {
                self.core.observer.count(Metric::DeadLetters, 1);
                continue;
            };
            tracing::error!(error = chain(&error), ?task, "a dead letter comes again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
        response
    }

    async fn take_dead_letter(&self, task: &Task) -> Result<(), SweepError> {
        match task {
            Task::Delivery(task) => self.fail(task).await,
            // Many deliveries wait for it: it is tried again, later, for as long as that takes.
            Task::Turn(TurnTask { organization, lane, turn, .. }) => {
                let later = self.core.clock.now().plus(LATER);
                self.again(TurnTask::new(*organization, *lane, *turn, later).into()).await
            }
            Task::FanOut(FanOutTask { organization, event, from, .. }) => {
                let later = self.core.clock.now().plus(LATER);
                self.again(FanOutTask::new(*organization, *event, *from, later).into()).await
            }
        }
    }

    async fn again(&self, task: Task) -> Result<(), SweepError> {
        tracing::error!(?task, "we failed on it, and try it again");
        Ok(self.queue.send(&[task], self.core.clock.now()).await?)
    }

    async fn fail(&self, task: &DeliveryTask) -> Result<(), SweepError> {
        let (table, now, id) = (&self.core.table, self.core.clock.now(), task.delivery());
        let known = table.delivery(task.organization, id, now).await?;
        let delivery = match known {
            Some(delivery) => delivery,
            None => match table.event(task.organization, id.event, now).await? {
                Some(event) => Delivery::untried(id, event.kind),
                // Not kept any more: nobody could see it.
                None => return Ok(()),
            },
        };
        match delivery.state {
            // The attempt is on record, and what came to nothing was to send the next.
            State::Pending { due }
                if delivery.attempts == task.attempt && !delivery.waits_in_the_table(due) =>
            {
                let next = DeliveryTask::new(task.organization, id, task.attempt.saturating_add(1), due);
                Ok(self.queue.send(&[next.into()], now).await?)
            }
            _ => {
                if let Ok(failed) = delivery.failed_internally(task.attempt) {
                    table.record_untried(task.organization, &failed).await?;
                    self.core.observer.count(Metric::DeliveriesFailedInternally, 1);
                    tracing::error!(delivery = %id, organization = %task.organization, attempt = task.attempt, "a delivery failed on us");
                }
                Ok(())
            }
        }
    }
}
