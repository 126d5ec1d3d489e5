//! The queue between publish and the dispatcher: standard SQS with `MessageGroupId` (fair queues),
//! so that one webhook's backlog does not delay the others.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::delivery::{Due, QUEUED_WITHIN};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::problem::{Problem, chain};

/// One attempt to make: what travels through the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryTask {
    /// Of this form.
    version: u8,
    /// Whose.
    pub organization: OrgId,
    /// What.
    pub event: EventId,
    /// Where to.
    pub webhook: WebhookId,
    /// Which attempt, 1 for the first.
    pub attempt: u16,
    /// Not earlier than this: SQS delays by 15 minutes at the most.
    pub not_before: Timestamp,
}

impl Event {
    /// The first task of each of its deliveries.
    pub fn tasks(&self, now: Timestamp) -> Vec<DeliveryTask> {
        let task = |webhook| DeliveryTask::new(self.org, DeliveryId { event: self.id, webhook }, 1, now);
        self.matched.iter().copied().map(task).collect()
    }
}

/// A message that is no task of ours.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Not the fields of a task.
    #[error("not a delivery task: {0}")]
    Form(#[from] serde_json::Error),
    /// Of a form that this code does not know.
    #[error("a delivery task of version {0}")]
    Version(u8),
    /// Attempts count from 1.
    #[error("a delivery task for attempt 0")]
    Attempt,
}

impl DeliveryTask {
    const VERSION: u8 = 1;

    /// The task of one attempt.
    pub fn new(organization: OrgId, delivery: DeliveryId, attempt: u16, not_before: Timestamp) -> Self {
        let DeliveryId { event, webhook } = delivery;
        Self { version: Self::VERSION, organization, event, webhook, attempt, not_before }
    }

    /// From the body of a message: every field, and none else.
    pub fn parse(body: &str) -> Result<Self, TaskError> {
        let task: Self = serde_json::from_str(body)?;
        match task {
            Self { version, .. } if version != Self::VERSION => Err(TaskError::Version(version)),
            Self { attempt: 0, .. } => Err(TaskError::Attempt),
            task => Ok(task),
        }
    }

    /// The task of an attempt that waited in the table.
    pub fn of_due(Due { org, delivery, attempt, at }: Due) -> Self {
        Self::new(org, delivery, attempt, at)
    }

    /// Of what it is an attempt.
    pub fn delivery(&self) -> DeliveryId {
        DeliveryId { event: self.event, webhook: self.webhook }
    }
}

/// SQS did not take everything.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It did not answer, or refused the call.
    #[error("the queue does not answer: {0}")]
    Unavailable(String),
    /// It refused some of the messages, again and again.
    #[error("the queue refused {0} of the messages")]
    Refused(usize),
    /// A task could not be written as a message.
    #[error("a task cannot be sent: {0}")]
    Form(String),
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<BuildError> for QueueError {
    fn from(error: BuildError) -> Self {
        Self::Form(error.to_string())
    }
}

/// The queue of delivery tasks.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Messages in one call.
    const BATCH: usize = 10;
    /// The longest that SQS delays a message.
    pub const DELAY_MAX: Duration = QUEUED_WITHIN;

    /// The queue at `url`.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends every task, each as near to its `not_before` as SQS can, or says that it did not. An
    /// error does not mean that none was sent: a task can be sent twice, never lost.
    pub async fn send(&self, tasks: &[DeliveryTask], now: Timestamp) -> Result<(), QueueError> {
        for batch in tasks.chunks(Self::BATCH) {
            let entries = batch.iter().enumerate().map(|(place, task)| entry(place, task, now));
            send_batch(&self.client, &self.url, entries.collect::<Result<_, _>>()?).await?;
        }
        Ok(())
    }
}

/// Sends one batch, and again the entries that SQS reports as failed: the call succeeds though some of
/// its entries did not.
pub(crate) async fn send_batch(
    client: &Client,
    url: &str,
    mut entries: Vec<SendMessageBatchRequestEntry>,
) -> Result<(), QueueError> {
    const TRIES: u32 = 3;
    for round in 0..TRIES {
        if round > 0 {
            tokio::time::sleep(Duration::from_millis(20 << round)).await;
        }
        let answer = client
            .send_message_batch()
            .queue_url(url)
            .set_entries(Some(entries.clone()))
            .send()
            .await
            .map_err(|error| QueueError::Unavailable(chain(&error)))?;
        // What is not reported as sent was not sent.
        entries.retain(|entry| !answer.successful().iter().any(|sent| sent.id() == entry.id()));
        if entries.is_empty() {
            return Ok(());
        }
    }
    Err(QueueError::Refused(entries.len()))
}

fn entry(
    place: usize,
    task: &DeliveryTask,
    now: Timestamp,
) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let body = serde_json::to_string(task).map_err(|error| QueueError::Form(error.to_string()))?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(body)
        .delay_seconds(delay_seconds(task.not_before, now))
        .message_group_id(task.webhook.to_string());
    Ok(entry.build()?)
}

/// Whole seconds until `due`, rounded up, at most what SQS takes.
fn delay_seconds(due: Timestamp, now: Timestamp) -> i32 {
    let wait_ms = u64::try_from(due.since(now).min(Queue::DELAY_MAX).as_millis()).unwrap_or(0);
    i32::try_from(wait_ms.div_ceil(1000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use serde_json::json;

    fn task() -> serde_json::Value {
        let (at, entropy) = (Timestamp::from_seconds(9), Entropy::system());
        let delivery = DeliveryId {
            event: EventId::new(at, &entropy).unwrap(),
            webhook: WebhookId::new(at, &entropy).unwrap(),
        };
        serde_json::to_value(DeliveryTask::new(OrgId::new(at, &entropy).unwrap(), delivery, 1, at)).unwrap()
    }

    #[test]
    fn a_task_comes_back_from_its_message() {
        let text = task().to_string();
        assert_eq!(serde_json::to_value(DeliveryTask::parse(&text).unwrap()).unwrap(), task_of(&text));
    }

    fn task_of(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn other_messages_are_refused() {
        for (name, value) in [
            ("version", json!(2)),
            ("version", json!(null)),
            ("organization", json!("usr_01kdvhq4000w3gf1r70w3gf1r7")),
            ("event", json!("")),
            ("attempt", json!(0)),
            ("attempt", json!(-1)),
            ("attempt", json!(65536)),
            ("not_before", json!(0)),
            ("extra", json!(1)),
        ] {
            let mut wrong = task();
            wrong[name] = value;
            assert!(DeliveryTask::parse(&wrong.to_string()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn delays_are_rounded_up_and_end_at_fifteen_minutes() {
        let now = Timestamp::from_seconds(1000);
        for (ms, seconds) in
            [(-5000, 0), (0, 0), (1, 1), (1000, 1), (1001, 2), (900_000, 900), (7_200_000, 900)]
        {
            assert_eq!(delay_seconds(Timestamp::from_millis(now.millis() + ms), now), seconds, "{ms}");
        }
    }
}
