//! Record: what came of an attempt is written on the delivery as it was before, and then the next
//! attempt is put into the queue.
//!
//! In this order: a dispatcher that dies in between leaves a record and a message that SQS hands
//! out again, and [`crate::load`] sees from both that the next task may be missing.

use std::time::Duration;

use serde_json::json;
use shared::clock::Timestamp;
use shared::delivery::{Attempt, Delivery, Next, Outcome, Recorded, waits_in_the_table};
use shared::event::Event;
use shared::observe::{Metric, Span, SpanKind};
use shared::operational::OperationalKind;
use shared::problem::chain;
use shared::queue::DeliveryTask;
use shared::trace::SpanId;

use crate::load::Prepared;
use crate::send::Sent;
use crate::watch::Seen;
use crate::{DispatchError, Dispatcher, schedule};

/// The failed attempt that is told: there is still time to mend what is broken.
const FAILING: u16 = 4;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// It is on record.
    Now {
        /// What the receiver did.
        outcome: Outcome,
        /// Whether that was one failure too many.
        opened: bool,
    },
    /// The delivery was past it already.
    Before,
}

impl Dispatcher {
    /// The operational event for what an attempt came to, if it is worth one. What fails of those themselves
    /// is told to nobody.
    async fn tell(
        &self,
        event: &Event,
        delivery: &Delivery,
        next: Next,
    ) -> Result<Option<Event>, DispatchError> {
        let kind = match next {
            _ if event.operational => return Ok(None),
            Next::Retry { .. } if delivery.attempts == FAILING => OperationalKind::DeliveryFailing,
            Next::Done | Next::Park | Next::Retry { .. } => return Ok(None),
            Next::GiveUp => OperationalKind::DeliveryExhausted,
            Next::SwitchOff => OperationalKind::WebhookDisabled,
        };
        let last = delivery.last_attempt.as_ref();
        let data = json!({
            "webhook_id": delivery.id.webhook,
            "delivery_id": delivery.id,
            "event_id": delivery.id.event,
            "event_type": event.kind,
            "attempts": delivery.attempts,
            "error": last.map(|attempt| attempt.outcome.detail()),
            "reason": (next == Next::SwitchOff).then_some("gone"),
        });
        Ok(self.operational.prepare(event.org, kind, Some(delivery.id.webhook), data).await?)
    }

    fn count(&self, event: &Event, outcome: Outcome, next: Next, now: Timestamp) {
        let observer = &self.core.observer;
        match outcome {
            Outcome::Delivered { .. } => {
                observer.count(Metric::DeliveriesDelivered, 1);
                let latency_ms = now.since(event.created_at()).as_millis();
                observer.measure(Metric::DeliveryLatency, u64::try_from(latency_ms).unwrap_or(u64::MAX));
            }
            Outcome::Rejected { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => {
                observer.count(Metric::DeliveriesFailed, 1);
            }
        }
        match next {
            Next::GiveUp => observer.count(Metric::DeliveriesExhausted, 1),
            Next::Done | Next::Park | Next::Retry { .. } | Next::SwitchOff => {}
        }
    }

    /// The span whose identifier the receiver got: what it does is below it. Where the webhook points is not told,
    /// since there can be a credential in it.
    fn trace(&self, event: &Event, delivery: &Delivery, attempt: &Attempt, (id, begun): (SpanId, Timestamp)) {
        self.core.observer.span(Span {
            name: "deliver".to_owned(),
            kind: SpanKind::Client,
            place: event.trace().place(),
            id,
            begun,
            ended: begun.plus(Duration::from_millis(attempt.duration_ms.into())),
            failed: !matches!(attempt.outcome, Outcome::Delivered { .. }),
            attributes: vec![
                ("http.request.method", "POST".into()),
                ("http.response.status_code", attempt.outcome.status().into()),
                ("organization.id", event.org.to_string().into()),
                ("event.id", event.id.to_string().into()),
                ("webhook.id", delivery.id.webhook.to_string().into()),
                ("delivery.id", delivery.id.to_string().into()),
                ("attempt", attempt.number.into()),
                ("outcome", attempt.outcome.as_str().into()),
            ],
        });
    }

    pub(crate) async fn record(
        &self,
        prepared: Prepared,
        sent: Sent,
        (span, begun): (SpanId, Timestamp),
    ) -> Result<Attempted, DispatchError> {
        let Prepared { org, event, webhook, delivery, attempt: number, health, probe } = prepared;
        let Sent { outcome, duration_ms, response_body } = sent;
        let now = self.core.clock.now();
        let attempt = Attempt { number, at: now, outcome, duration_ms, response_body };
        let planned = number.saturating_sub(delivery.trials);
        let (plan, jitter) = (&webhook.retry_schedule, self.core.entropy.jitter()?);
        let next = match schedule::next(plan, (planned, outcome), now, event.expires_at(), jitter) {
            // A trial says something of the receiver and nothing of the event.
            Next::Retry { .. } | Next::GiveUp if probe => Next::Park,
            next => next,
        };
        let trace = event.trace();
        tracing::info!(
            event = %event.id, delivery = %delivery.id, trace_id = trace.trace_id(), webhook = %webhook.id, organization = %org,
            attempt = number, duration_ms, outcome = outcome.as_str(), reason = outcome.reason(), status = outcome.status(), next = ?next,
            "delivery attempted"
        );
        self.trace(&event, &delivery, &attempt, (span, begun));
        // Whoever loaded it has made sure that this attempt is the one that is due.
        let Ok(delivery) = delivery.after(attempt.clone(), next) else { return Ok(Attempted::Before) };
        let failed = match outcome {
            Outcome::Delivered { .. } => None,
            Outcome::Rejected { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => Some(&attempt),
        };
        let gone = (next == Next::SwitchOff).then_some(&webhook);
        let told = self.tell(&event, &delivery, next).await?;
        let recorded = self.core.table.record_attempt(org, &delivery, failed, gone, told.as_ref()).await?;
        if recorded == Recorded::Before {
            // A copy of the message was faster, and has sent the next task itself.
            return Ok(Attempted::Before);
        }
        self.count(&event, outcome, next, now);
        match (recorded, next) {
            // Somebody else has switched it off, and has told so.
            (Recorded::Now, Next::SwitchOff) => {}
            (Recorded::SwitchedOff, _) => {
                self.operational.dispatch(told).await;
                if let Err(error) = self.mail_admins((org, webhook.id), true, now).await {
                    tracing::error!(webhook = %webhook.id, error = chain(&error), "nobody is told by mail that it is off");
                }
            }
            (Recorded::Now | Recorded::Before, _) => self.operational.dispatch(told).await,
        }
        match next {
            // That it is due is on record, too; the sweeper puts it into the queue in time.
            Next::Retry { due } if waits_in_the_table(due, now) => {}
            Next::Retry { due } => {
                let task = DeliveryTask::new(org, delivery.id, number.saturating_add(1), due);
                self.queue.send(&[task.into()], self.core.clock.now()).await?;
            }
            Next::Done | Next::Park | Next::GiveUp | Next::SwitchOff => {}
        }
        let seen = Seen { webhook: &webhook, event: event.id, outcome, health: &health, probe };
        Ok(Attempted::Now { outcome, opened: self.watch(&seen, now).await })
    }
}
