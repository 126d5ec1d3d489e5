//! The sweeper: sees to it that nothing that was accepted is forgotten.
//!
//! Once a minute it puts the attempts that become due into the queue ([`due`]), and once an hour it looks for
//! events whose publisher died before it had queued their deliveries ([`events`]). It also takes dead letters
//! ([`dead_letters`]): the dispatcher fails on those, so somebody else has to write down that it did.
//!
//! Everything is sent before it is marked as done. A run that dies is made up for by the next, and what is
//! sent twice is dropped by the dispatcher.

mod dead_letters;
mod due;
mod events;

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::problem::chain;
use shared::queue::{Queue, QueueError};
use shared::table::StoreError;

/// Why a run ends before it is done. The next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The table failed.
    #[error("the table failed")]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error("the queue failed")]
    Queue(#[from] QueueError),
    /// The event is neither of the schedule nor of a queue.
    #[error("the event cannot be read: {0}")]
    Event(#[from] serde_json::Error),
}

/// What this function holds while it runs.
pub struct Sweeper {
    core: Core,
    queue: Queue,
}

/// What answering Lambda takes, and the call that is running then.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Sweeper {
    /// A sweeper of the table, into the queue of deliveries.
    pub fn new(core: Core, queue: Queue) -> Self {
        Self { core, queue }
    }

    /// One event: dead letters, or the schedule's minute.
    pub async fn handle(&self, event: Value, deadline: Timestamp) -> Result<Value, SweepError> {
        let work = async {
            let done = self.run(event, deadline).await;
            if let Err(error) = &done {
                tracing::error!(error = chain(error), "the run ended early, and the next one goes on");
            }
            done
        };
        self.core.observer.invocation(Box::pin(work)).await
    }

    async fn run(&self, event: Value, deadline: Timestamp) -> Result<Value, SweepError> {
        if event.get("Records").is_some() {
            let event: SqsEvent = serde_json::from_value(event)?;
            return Ok(serde_json::to_value(self.take_dead_letters(event).await)?);
        }
        let end = deadline.minus(LAST_WORDS);
        // What is due goes first: it has a time. Neither keeps the other from its part.
        let due = self.sweep_due(end).await;
        let events = self.reconcile(end).await;
        let (due, events) = (due?, events?);
        if due > 0 || events > 0 {
            tracing::info!(due, events, "swept");
        }
        Ok(json!({ "due": due, "events": events }))
    }
}
