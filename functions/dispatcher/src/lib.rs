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

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{FutureExt, StreamExt};
use shared::address::EgressPolicy;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::delivery::InHand;
use shared::entropy::NoEntropy;
use shared::event::SpanId;
use shared::operational::Operational;
use shared::queue::{DeliveryTask, Queue, QueueError, TaskError};
use shared::secret::{KeyRing, Sealed, UnsealError};
use shared::table::StoreError;

use crate::load::{Loaded, Prepared, Skip};
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
    #[error("a secret of the webhook does not open")]
    Secret(#[from] UnsealError),
    #[error("a header cannot be written")]
    Header(#[from] reqwest::header::InvalidHeaderValue),
    #[error("a header of the webhook's own has no name that can be written")]
    HeaderName(#[from] reqwest::header::InvalidHeaderName),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("too little of the invocation's time is left")]
    Time,
}

/// What the function holds while it runs.
pub struct Dispatcher {
    core: Core,
    queue: Queue,
    operational: Operational,
    sender: Sender,
    egress: EgressPolicy,
}

impl Dispatcher {
    /// Messages worked on at once: a batch.
    const CONCURRENT: usize = 10;
    /// What load, sign and record may take beside the call itself.
    const OVERHEAD: Duration = Duration::from_secs(4);
    /// What answering Lambda takes.
    const LAST_WORDS: Duration = Duration::from_secs(1);

    /// A dispatcher that sends under `egress`.
    pub fn new(core: Core, queue: Queue, egress: EgressPolicy) -> Result<Self, SenderError> {
        let chance = (core.clock.clone(), core.entropy.clone());
        let operational = Operational::new(core.table.clone(), queue.clone(), chance);
        Ok(Self { core, queue, operational, sender: Sender::new(egress.clone())?, egress })
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
        let now = self.core.clock.now();
        let (due, early): (Vec<_>, Vec<_>) =
            received.into_iter().partition(|(_, r)| r.task.not_before <= now);
        let mut failed = self.put_back(early, now).await;
        let deliveries: Vec<_> = due.iter().map(|(_, r)| (r.task.organization, r.task.delivery())).collect();
        let in_hand = match self.core.table.in_hand(&deliveries, now).await {
            Ok(in_hand) => in_hand,
            Err(error) => {
                let error = DispatchError::from(error);
                failed.extend(due.into_iter().map(|(id, _)| give_back(id, &error)));
                return failed;
            }
        };
        // What is not done when the invocation is about to end is given back, so that Lambda does not
        // cut the whole batch off and lose what its neighbours have done.
        let left = deadline.since(now).saturating_sub(Self::LAST_WORDS);
        let work = due.into_iter().zip(in_hand).map(|((id, received), in_hand)| {
            async move {
                let done = tokio::time::timeout(left, self.dispatch(received, in_hand?, deadline)).await;
                done.unwrap_or(Err(DispatchError::Time))
            }
            .map(|done: Result<(), DispatchError>| done.err().map(|error| give_back(id, &error)))
        });
        let work = futures_util::stream::iter(work).buffer_unordered(Self::CONCURRENT);
        failed.extend(work.filter_map(std::future::ready).collect::<Vec<_>>().await);
        failed
    }

    /// Tasks that are not due: SQS delays by 15 minutes at the most, so a longer wait is made of
    /// several. Nothing is read for them.
    async fn put_back(&self, early: Vec<(String, Received)>, now: Timestamp) -> Vec<BatchItemFailure> {
        let tasks: Vec<_> = early.iter().map(|(_, received)| received.task.clone()).collect();
        match self.queue.send(&tasks, now).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                let error = DispatchError::from(error);
                early.into_iter().map(|(id, _)| give_back(id, &error)).collect()
            }
        }
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
        let ring = self.ring_for(&prepared, now).await;
        let span = SpanId::new(&self.core.entropy)?;
        let (prepared, sent) = match sign::sign(*prepared, &ring, &self.egress, (now, span))? {
            sign::Signed::Request(prepared, request) => (prepared, self.sender.send(request, timeout).await),
            sign::Signed::UrlRefused(prepared, sent) => (prepared, sent),
        };
        self.record(prepared, sent).await
    }

    /// The ring with every key that sealed a secret or a header of the webhook, also when it was rotated a moment ago.
    async fn ring_for(&self, prepared: &Prepared, now: Timestamp) -> Arc<KeyRing> {
        let keys = &self.core.keys;
        let mut ring = keys.ring().await;
        for kid in prepared.webhook.sealed(now).filter_map(Sealed::kid) {
            ring = keys.ring_with(kid).await;
        }
        ring
    }

    async fn skip(
        &self,
        task: &DeliveryTask,
        delivery: shared::delivery::Delivery,
        reason: Skip,
    ) -> Result<(), DispatchError> {
        tracing::info!(delivery = %delivery.id, reason = ?reason, "delivery skipped");
        self.core.table.record_untried(task.organization, &delivery).await?;
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
