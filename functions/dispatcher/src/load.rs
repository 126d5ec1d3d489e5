//! Load: what was read for a task decides what is to be done with it. Pure.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::delivery::{Delivery, InHand, State};
use shared::event::Event;
use shared::id::OrgId;
use shared::organization::OrganizationStatus;
use shared::queue::DeliveryTask;
use shared::webhook::{Status, Webhook};

use crate::Received;

/// An attempt that is due: only [`load`] makes one.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) org: OrgId,
    pub(crate) event: Event,
    pub(crate) webhook: Webhook,
    pub(crate) delivery: Delivery,
    pub(crate) attempt: u16,
}

impl Prepared {
    /// What one attempt may take in all.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.webhook.timeout_seconds.into())
    }
}

/// Why a delivery is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// The webhook was paused or switched off.
    WebhookOff,
    /// The webhook was deleted.
    WebhookGone,
    /// The organisation is suspended.
    OrganizationSuspended,
    /// The organisation was deleted.
    OrganizationGone,
}

/// Why nothing is done at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// Another copy of the message was faster.
    Decided,
    /// The event is not kept any more.
    Forgotten,
}

/// What is to be done with a task.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// The attempt.
    Ready(Box<Prepared>),
    /// A dispatcher died after it recorded the attempt and, perhaps, before it sent the next task.
    Unfinished { next: DeliveryTask },
    /// The delivery is written down as skipped.
    Skip(Delivery, Skip),
    /// Nothing.
    Nothing(Nothing),
}

pub(crate) fn load(received: Received, in_hand: InHand, now: Timestamp) -> Loaded {
    let Received { task, receive_count } = received;
    let InHand { event, webhook, delivery, organization } = in_hand;
    let Some(event) = event else { return Loaded::Nothing(Nothing::Forgotten) };
    let delivery = delivery.unwrap_or_else(|| Delivery::untried(task.delivery(), event.kind.clone()));
    if !delivery.awaits(task.attempt) {
        return past(&task, &delivery, receive_count, now);
    }
    let off = match (organization.map(|organization| organization.status), &webhook) {
        (None, _) => Some(Skip::OrganizationGone),
        (Some(OrganizationStatus::Suspended), _) => Some(Skip::OrganizationSuspended),
        (Some(OrganizationStatus::Active), None) => Some(Skip::WebhookGone),
        (Some(OrganizationStatus::Active), Some(webhook)) => match webhook.status {
            Status::Paused { .. } | Status::Disabled(_) => Some(Skip::WebhookOff),
            Status::Active => None,
        },
    };
    match (off, webhook, delivery.clone().skipped()) {
        (Some(reason), _, Ok(skipped)) => Loaded::Skip(skipped, reason),
        (None, Some(webhook), _) => Loaded::Ready(Box::new(Prepared {
            org: task.organization,
            event,
            webhook,
            delivery,
            attempt: task.attempt,
        })),
        (Some(_), _, Err(_)) | (None, None, _) => Loaded::Nothing(Nothing::Decided),
    }
}

/// How long after it was due the next task is taken for lost.
const LOST_AFTER: Duration = Duration::from_mins(1);

/// A message whose attempt is on record. Handed out once, it is a copy, and the record's maker goes
/// on. Handed out again, or so late that the next attempt should be over (a dead letter that was
/// redriven counts as new), the maker may have died before it sent the next task. A next attempt that
/// waits in the table was written with the record, and needs nobody.
fn past(task: &DeliveryTask, delivery: &Delivery, receive_count: u32, now: Timestamp) -> Loaded {
    match delivery.state {
        State::Pending { due }
            if delivery.attempts == task.attempt
                && !delivery.waits_in_the_table(due)
                && (receive_count > 1 || now > due.plus(LOST_AFTER)) =>
        {
            let next = DeliveryTask::new(task.organization, delivery.id, task.attempt.saturating_add(1), due);
            Loaded::Unfinished { next }
        }
        State::Pending { .. }
        | State::Delivered
        | State::Exhausted
        | State::Skipped
        | State::FailedInternally => Loaded::Nothing(Nothing::Decided),
    }
}
