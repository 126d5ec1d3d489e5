//! The dispatcher: takes delivery tasks from SQS and calls webhooks.
//!
//! Stages, each a type that only the next one accepts: [`load`] → [`sign`] → [`send`] → [`record`].
//! `Err` means that *we* failed, and SQS hands the message out again; whatever the receiver did is
//! an `Outcome`, which is recorded and scheduled by. Only [`send`] touches the network outside.
//!
//! What a receiver does is watched ([`watch`]). Deliveries to one that fails are parked, and tried in turns
//! ([`backlog`]).

mod backlog;
pub mod egress;
mod fan_out;
mod load;
mod record;
mod replay;
pub mod schedule;
pub mod send;
mod sign;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use shared::address::EgressPolicy;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::delivery::{Delivery, InHand};
use shared::entropy::NoEntropy;
use shared::health::Pace;
use shared::id::OrgId;
use shared::lane::Lane;
use shared::mail::MailQueue;
use shared::operational::Operational;
use shared::queue::{DeliveryTask, Queue, QueueError, Task, TaskError, TurnTask};
use shared::secret::{KeyRing, Sealed, UnsealError};
use shared::table::StoreError;
use shared::trace::{SpanId, XRay};
use tracing::Instrument;

use crate::backlog::Turn;
use crate::load::{Loaded, Prepared, Skip};
use crate::record::Attempted;
use crate::send::{Sender, SenderError};

/// One message: its task, and how often SQS has handed it out.
#[derive(Clone, Debug)]
struct Received<T> {
    id: String,
    task: T,
    receive_count: u32,
    /// The trace that sent it, as X-Ray names it.
    xray: Option<XRay>,
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
    mails: MailQueue,
    sender: Sender,
    egress: EgressPolicy,
}

/// When a delivery may be sent.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: Timestamp,
    /// Whether that time is its own; if not, it asks again then.
    given: bool,
}

impl Dispatcher {
    /// Messages worked on at once: a batch.
    const CONCURRENT: usize = 10;
    /// What load, sign and record may take beside the call itself.
    const OVERHEAD: Duration = Duration::from_secs(4);
    /// What answering Lambda takes.
    const LAST_WORDS: Duration = Duration::from_secs(1);

    /// A dispatcher that sends under `egress`.
    pub fn new(
        core: Core,
        queue: Queue,
        mails: MailQueue,
        egress: EgressPolicy,
    ) -> Result<Self, SenderError> {
        let chance = (core.clock.clone(), core.entropy.clone());
        let operational = Operational::new(core.table.clone(), queue.clone(), chance);
        Ok(Self { core, queue, operational, mails, sender: Sender::new(egress.clone())?, egress })
    }

    /// Works a batch off before `deadline`, and names the messages that are to come again.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        self.core.observer.invocation(Box::pin(self.batch(event, deadline))).await
    }

    async fn batch(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let mut failed = Vec::new();
        let mut received = Vec::new();
        for message in event.records {
            match receive(&message) {
                Ok(task) => received.push(task),
                Err(error) => failed.push(give_back(message.message_id.unwrap_or_default(), &error)),
            }
        }
        let now = self.core.clock.now();
        let (due, early): (Vec<_>, Vec<_>) =
            received.into_iter().partition(|received| received.task.not_before() <= now);
        failed.extend(self.put_back(early, now).await);
        failed.extend(self.work(due, deadline).await);
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed;
        response
    }

    /// Everything in a batch at the same time. What is not done when the invocation is about to end is given
    /// back, so that Lambda does not cut the whole batch off and lose what its neighbours have done.
    async fn work(&self, received: Vec<Received<Task>>, deadline: Timestamp) -> Vec<BatchItemFailure> {
        let now = self.core.clock.now();
        let (mut deliveries, mut others) = (Vec::new(), Vec::new());
        for Received { id, task, receive_count, xray } in received {
            match task {
                Task::Delivery(task) => deliveries.push(Received { id, task, receive_count, xray }),
                task => others.push(Received { id, task, receive_count, xray }),
            }
        }
        let keys: Vec<_> = deliveries.iter().map(|r| (r.task.organization, r.task.delivery())).collect();
        let others = others.into_iter().map(|received| self.other(received, deadline).boxed());
        let in_hand = match self.core.table.in_hand(&keys, now).await {
            Ok(in_hand) => in_hand,
            Err(error) => {
                let error = DispatchError::from(error);
                let mut failed = Self::together(others.collect()).await;
                failed.extend(deliveries.into_iter().map(|received| give_back(received.id, &error)));
                return failed;
            }
        };
        let deliveries = deliveries.into_iter().zip(in_hand).map(|(received, in_hand)| {
            let id = received.id.clone();
            let xray_trace_id = received.xray.as_ref().map(XRay::root);
            let span = tracing::error_span!("delivery", delivery = %received.task.delivery(), xray_trace_id);
            let work = async move { self.dispatch(received, in_hand?, deadline).await };
            self.within(id, work.boxed(), deadline).instrument(span).boxed()
        });
        Self::together(deliveries.chain(others).collect()).await
    }

    async fn together(work: Vec<BoxFuture<'_, Option<BatchItemFailure>>>) -> Vec<BatchItemFailure> {
        let work = futures_util::stream::iter(work).buffer_unordered(Self::CONCURRENT);
        work.filter_map(std::future::ready).collect().await
    }

    /// What is no single delivery.
    async fn other(&self, received: Received<Task>, deadline: Timestamp) -> Option<BatchItemFailure> {
        let Received { id, task, receive_count, xray: _ } = received;
        let work = async move {
            match task {
                Task::FanOut(task) => self.fan_out(&task, deadline).await,
                Task::Turn(TurnTask { organization, lane, turn, .. }) => {
                    let turn = Turn { number: turn, receive_count };
                    match lane {
                        Lane::Backlog(webhook) => {
                            self.take_turn((organization, webhook), turn, deadline).await
                        }
                        Lane::Replay(replay) => {
                            self.take_replay_turn(organization, replay, turn, deadline).await
                        }
                    }
                }
                Task::Delivery(_) => Ok(()),
            }
        };
        self.within(id, work.boxed(), deadline).await
    }

    /// Some work in the time that is left.
    async fn within(
        &self,
        id: String,
        work: BoxFuture<'_, Result<(), DispatchError>>,
        deadline: Timestamp,
    ) -> Option<BatchItemFailure> {
        let left = deadline.since(self.core.clock.now()).saturating_sub(Self::LAST_WORDS);
        let done = tokio::time::timeout(left, work).await.unwrap_or(Err(DispatchError::Time));
        done.err().map(|error| give_back(id, &error))
    }

    /// Tasks that are not due: SQS delays by 15 minutes at the most, so a longer wait is made of
    /// several. Nothing is read for them.
    async fn put_back(&self, early: Vec<Received<Task>>, now: Timestamp) -> Vec<BatchItemFailure> {
        let tasks: Vec<_> = early.iter().map(|received| received.task.clone()).collect();
        match self.queue.send(&tasks, now).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                let error = DispatchError::from(error);
                early.into_iter().map(|received| give_back(received.id, &error)).collect()
            }
        }
    }

    /// One delivery, from what was read for it to what is written down of it.
    async fn dispatch(
        &self,
        received: Received<DeliveryTask>,
        in_hand: InHand,
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let (task, now) = (received.task.clone(), self.core.clock.now());
        let place = (task.organization, task.webhook);
        match load::load(received, in_hand, now) {
            Loaded::Ready(prepared) => {
                let slot = if task.paced { None } else { self.slot(&prepared, now).await };
                if let Some(Slot { at, given }) = slot {
                    let later = if given { task.in_slot(at) } else { task.later(at) };
                    return Ok(self.queue.send(&[later.into()], now).await?);
                }
                self.attempt(*prepared, deadline).await.map(drop)
            }
            Loaded::Unfinished { next } => Ok(self.queue.send(&[next.into()], now).await?),
            Loaded::Park(delivery) => self.park(place, &delivery).await,
            Loaded::Parked { closed } if closed => self.drain_what_is_left(place).await,
            Loaded::Skip(delivery, reason) => self.skip(task.organization, delivery, reason).await,
            Loaded::Parked { .. } => Ok(()),
            Loaded::Nothing(reason) => {
                tracing::info!(delivery = %task.delivery(), attempt = task.attempt, reason = ?reason, "nothing to deliver");
                Ok(())
            }
        }
    }

    /// When a delivery may be sent, if that is not now: its webhook, or its receiver, wants fewer in a second.
    /// The limits that do not answer are no failure of the delivery: it comes again and asks then.
    async fn slot(&self, prepared: &Prepared, now: Timestamp) -> Option<Slot> {
        /// What is due within a second is sent with those before it: SQS counts in seconds.
        const SOON: Duration = Duration::from_secs(1);
        /// After the limits have not answered.
        const LATER: Duration = Duration::from_secs(30);
        let Prepared { webhook, health, .. } = prepared;
        let interval = Pace::interval(health.pace, webhook.max_per_second)?;
        match self.core.limiter.slot(&webhook.id.to_string(), interval, now).await {
            Ok(at) => (at >= now.plus(SOON)).then_some(Slot { at, given: true }),
            Err(error) => {
                tracing::warn!(%error, webhook = %webhook.id, "the limits give no slot: the delivery waits");
                Some(Slot { at: now.plus(LATER), given: false })
            }
        }
    }

    /// Sign, send, record.
    async fn attempt(&self, prepared: Prepared, deadline: Timestamp) -> Result<Attempted, DispatchError> {
        let now = self.core.clock.now();
        let timeout = prepared.timeout();
        if deadline.since(now) < timeout + Self::OVERHEAD {
            return Err(DispatchError::Time);
        }
        let ring = self.ring_for(&prepared, now).await;
        let span = SpanId::new(&self.core.entropy)?;
        let (prepared, sent) = match sign::sign(prepared, &ring, &self.egress, (now, span))? {
            sign::Signed::Request(prepared, request) => (prepared, self.sender.send(request, timeout).await),
            sign::Signed::UrlRefused(prepared, sent) => (prepared, sent),
        };
        self.record(prepared, sent, (span, now)).await
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

    async fn skip(&self, org: OrgId, delivery: Delivery, reason: Skip) -> Result<(), DispatchError> {
        tracing::info!(delivery = %delivery.id, reason = ?reason, "delivery skipped");
        self.core.table.record_untried(org, &delivery).await?;
        Ok(())
    }
}

fn receive(message: &SqsMessage) -> Result<Received<Task>, DispatchError> {
    let task = Task::parse(message.body.as_deref().unwrap_or_default())?;
    let count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let id = message.message_id.clone().unwrap_or_default();
    let xray = message.attributes.get(XRay::ATTRIBUTE).and_then(|header| XRay::parse(header));
    Ok(Received { id, task, receive_count: count.unwrap_or(1), xray })
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_brings_the_trace_of_whoever_sent_it() {
        let task = json!({
            "version": 1,
            "organization": "org_01kdvdna000w3ge1r70w3ge1r7",
            "event": "evt_01kdvdna000w3ge1r70w3ge1r7",
            "webhook": "whk_01kdvdna000w3ge1r70w3ge1r7",
            "attempt": 1,
            "not_before": "2026-01-01T00:00:00.000Z",
        });
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        let of = |attributes: serde_json::Value| {
            let message = json!({ "messageId": "m", "body": task.to_string(), "attributes": attributes });
            let received = receive(&serde_json::from_value(message).unwrap()).unwrap();
            (received.receive_count, received.xray.map(|xray| xray.root().to_owned()))
        };
        let header = format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1");
        let named = of(json!({ "ApproximateReceiveCount": "2", "AWSTraceHeader": header }));
        assert_eq!(named, (2, Some(root.to_owned())));
        assert_eq!(of(json!({ "AWSTraceHeader": "nonsense" })), (1, None));
    }
}
