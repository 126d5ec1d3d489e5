//! The queue between publish and the dispatcher: standard SQS with `MessageGroupId` (fair queues),
//! so that one webhook's backlog does not delay the others.

mod task;

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};

use crate::clock::Timestamp;
use crate::delivery::QUEUED_WITHIN;
use crate::problem::{Problem, chain};
use crate::trace::XRay;

pub use task::{DeliveryTask, FanOutTask, Task, TaskError, TurnTask};

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

    /// Asks for nothing, so that the next call finds a connection.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let asked = self.client.get_queue_attributes().queue_url(&self.url).send();
        asked.await.map(drop).map_err(|error| QueueError::Unavailable(chain(&error)))
    }

    /// Sends every task, each as near to its `not_before` as SQS can, or says that it did not. An
    /// error does not mean that none was sent: a task can be sent twice, never lost.
    pub async fn send(&self, tasks: &[Task], now: Timestamp) -> Result<(), QueueError> {
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
    if let Some(xray) = XRay::of_invocation() {
        let header = trace_header(&xray)?;
        for entry in &mut entries {
            let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
            entry.message_system_attributes.get_or_insert_default().insert(name, header.clone());
        }
    }
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

/// X-Ray draws sender and consumer as one trace.
fn trace_header(xray: &XRay) -> Result<MessageSystemAttributeValue, BuildError> {
    MessageSystemAttributeValue::builder().data_type("String").string_value(xray.header()).build()
}

fn entry(place: usize, task: &Task, now: Timestamp) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let body = serde_json::to_string(task).map_err(|error| QueueError::Form(error.to_string()))?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(body)
        .delay_seconds(delay_seconds(task.not_before(), now))
        .message_group_id(task.group());
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
