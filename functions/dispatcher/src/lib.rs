//! The dispatcher: takes delivery tasks from SQS and calls webhooks.
//!
//! Stages, each a type that only the next one accepts: [`load`] → [`sign`] → [`send`] → [`record`].
//! `Err` means that *we* failed, and SQS hands the message out again; whatever the receiver did is
//! an `Outcome`, which is recorded and scheduled by. Only [`send`] touches the network outside.

pub mod egress;
mod load;
mod record;
pub mod schedule;
pub mod send;
mod sign;

use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::StreamExt;
use shared::address::EgressPolicy;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::delivery::InHand;
use shared::entropy::NoEntropy;
use shared::queue::{DeliveryTask, Queue, QueueError, TaskError};
use shared::secret::UnsealError;
use shared::table::StoreError;

use crate::load::{Loaded, Skip};
use crate::send::{Sender, SenderError};

/// What one message asks for, and how often SQS has handed it out.
#[derive(Clone, Debug)]
struct Received {
    task: DeliveryTask,
    receive_count: u32,
}

/// Why a message is given back to SQS: our failure, never the receiver's.
#[derive(Debug, thiserror::Error)]
enum DispatchError {
    #[error("the message is not a task")]
    Task(#[from] TaskError),
    #[error("the table failed")]
    Store(#[from] StoreError),
    #[error("the queue failed")]
    Queue(#[from] QueueError),
    #[error("a signing secret does not open")]
    Secret(#[from] UnsealError),
    #[error("a header cannot be written")]
    Header(#[from] reqwest::header::InvalidHeaderValue),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("too little of the invocation's time is left")]
    Time,
}

/// What the function holds while it runs.
pub struct Dispatcher {
    core: Core,
    queue: Queue,
    sender: Sender,
    egress: EgressPolicy,
}

impl Dispatcher {
    /// Messages worked on at once: a batch.
    const CONCURRENT: usize = 10;
    /// What load, sign and record may take beside the call itself.
    const OVERHEAD: Duration = Duration::from_secs(4);

    /// A dispatcher that sends under `egress`.
    pub fn new(core: Core, queue: Queue, egress: EgressPolicy) -> Result<Self, SenderError> {
        Ok(Self { core, queue, sender: Sender::new(egress.clone())?, egress })
    }

    /// Works a batch off before `deadline`, and names the messages that are to come again.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let mut failed = Vec::new();
        let mut received = Vec::new();
        for message in event.records {
            let id = message.message_id.clone().unwrap_or_default();
            match receive(&message) {
                Ok(task) => received.push((id, task)),
                Err(error) => failed.push(give_back(id, &error)),
            }
        }
        failed.extend(self.work(received, deadline).await);
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed;
        response
    }

    async fn work(&self, received: Vec<(String, Received)>, deadline: Timestamp) -> Vec<BatchItemFailure> {
        let deliveries: Vec<_> =
            received.iter().map(|(_, r)| (r.task.organization, r.task.delivery())).collect();
        let in_hand = match self.core.table.in_hand(&deliveries, self.core.clock.now()).await {
            Ok(in_hand) => in_hand,
            Err(error) => {
                let error = DispatchError::from(error);
                return received.into_iter().map(|(id, _)| give_back(id, &error)).collect();
            }
        };
        let work = received.into_iter().zip(in_hand).map(|((id, received), in_hand)| async move {
            self.dispatch(received, in_hand, deadline).await.err().map(|error| give_back(id, &error))
        });
        let failures: Vec<_> =
            futures_util::stream::iter(work).buffer_unordered(Self::CONCURRENT).collect().await;
        failures.into_iter().flatten().collect()
    }

    /// One message, from what was read for it to what is written down of it.
    async fn dispatch(
        &self,
        received: Received,
        in_hand: InHand,
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let (task, now) = (received.task.clone(), self.core.clock.now());
        let prepared = match load::load(received, in_hand, now) {
            Loaded::Ready(prepared) => prepared,
            Loaded::Early => return Ok(self.queue.send(&[task], now).await?),
            Loaded::Unfinished { next } => return Ok(self.queue.send(&[next], now).await?),
            Loaded::Skip(delivery, reason) => return self.skip(&task, delivery, reason).await,
            Loaded::Nothing(reason) => {
                tracing::info!(delivery = %task.delivery(), attempt = task.attempt, reason = ?reason, "nothing to deliver");
                return Ok(());
            }
        };
        let timeout = prepared.timeout();
        if deadline.since(now) < timeout + Self::OVERHEAD {
            return Err(DispatchError::Time);
        }
        let signed = sign::sign(*prepared, &*self.core.keys.ring().await, &self.egress, now)?;
        let (prepared, sent) = match signed {
            sign::Signed::Request(prepared, request) => (prepared, self.sender.send(request, timeout).await),
            sign::Signed::UrlRefused(prepared, sent) => (prepared, sent),
        };
        self.record(prepared, sent).await
    }

    async fn skip(
        &self,
        task: &DeliveryTask,
        delivery: shared::delivery::Delivery,
        reason: Skip,
    ) -> Result<(), DispatchError> {
        tracing::info!(delivery = %delivery.id, reason = ?reason, "delivery skipped");
        self.core.table.record_skipped(task.organization, &delivery).await?;
        Ok(())
    }
}

fn receive(message: &SqsMessage) -> Result<Received, DispatchError> {
    let task = DeliveryTask::parse(message.body.as_deref().unwrap_or_default())?;
    let count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Ok(Received { task, receive_count: count.unwrap_or(1) })
}

fn give_back(id: String, error: &DispatchError) -> BatchItemFailure {
    tracing::error!(
        message_id = id,
        error = shared::problem::chain(error),
        "message given back to the queue"
    );
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
