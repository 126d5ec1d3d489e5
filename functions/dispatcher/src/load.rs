//! Load: what was read for a task decides what is to be done with it. Pure.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::delivery::{Delivery, InHand, State};
use shared::event::Event;
use shared::health::{Breaker, Health};
use shared::id::OrgId;
use shared::operational::OperationalKind;
use shared::organization::{Organization, OrganizationStatus};
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
    pub(crate) health: Health,
    /// Whether it is the trial of a receiver that fails.
    pub(crate) probe: bool,
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
    /// The receiver fails: the delivery, which waits until it does not.
    Park(Delivery),
    /// A dispatcher died after it parked the delivery and, perhaps, before it saw that the breaker, which was
    /// open then, is `closed`.
    Parked { closed: bool },
    /// The delivery is written down as skipped.
    Skip(Delivery, Skip),
    /// Nothing.
    Nothing(Nothing),
}

pub(crate) fn load(received: Received<DeliveryTask>, in_hand: InHand, now: Timestamp) -> Loaded {
    let Received { task, receive_count, .. } = received;
    let InHand { event, webhook, delivery, organization, health } = in_hand;
    let Some(event) = event else { return Loaded::Nothing(Nothing::Forgotten) };
    let delivery = delivery.unwrap_or_else(|| Delivery::untried(task.delivery(), event.kind.clone()));
    if !delivery.awaits(task.attempt) {
        return past(&task, &delivery, (receive_count, &health), now);
    }
    let parks = health.parks() && !is_test(&event);
    match (open(webhook, organization), delivery.clone().skipped(), delivery.clone().parked()) {
        (Err(reason), Ok(skipped), _) => Loaded::Skip(skipped, reason),
        (Ok(_), _, Ok(parked)) if parks => Loaded::Park(parked),
        (Ok(webhook), ..) => Loaded::Ready(Box::new(Prepared {
            org: task.organization,
            event,
            webhook,
            delivery,
            attempt: task.attempt,
            health,
            probe: false,
        })),
        (Err(_), Err(_), _) => Loaded::Nothing(Nothing::Decided),
    }
}

/// Somebody wants to see what the receiver says, whatever it said before.
pub(crate) fn is_test(event: &Event) -> bool {
    event.kind.as_str() == OperationalKind::WebhookTest.as_str()
}

/// The webhook, if it receives.
pub(crate) fn open(webhook: Option<Webhook>, organization: Option<Organization>) -> Result<Webhook, Skip> {
    match (organization.map(|organization| organization.status), webhook) {
        (None, _) => Err(Skip::OrganizationGone),
        (Some(OrganizationStatus::Suspended), _) => Err(Skip::OrganizationSuspended),
        (Some(OrganizationStatus::Active), None) => Err(Skip::WebhookGone),
        (Some(OrganizationStatus::Active), Some(webhook)) => match webhook.status {
            Status::Paused { .. } | Status::Disabled(_) => Err(Skip::WebhookOff),
            Status::Active => Ok(webhook),
        },
    }
}

/// How long after it was due the next task is taken for lost.
const LOST_AFTER: Duration = Duration::from_mins(1);

/// A message whose attempt is on record. Handed out once, it is a copy, and the record's maker goes
/// on. Handed out again, or so late that the next attempt should be over (a dead letter that was
/// redriven counts as new), the maker may have died before it sent the next task. A next attempt that
/// waits in the table was written with the record, and needs nobody.
fn past(
    task: &DeliveryTask,
    delivery: &Delivery,
    (receive_count, health): (u32, &Health),
    now: Timestamp,
) -> Loaded {
    match delivery.state {
        State::Pending { due }
            if delivery.attempts == task.attempt
                && !delivery.waits_in_the_table(due)
                && (receive_count > 1 || now > due.plus(LOST_AFTER)) =>
        {
            let next = DeliveryTask::new(task.organization, delivery.id, task.attempt.saturating_add(1), due);
            Loaded::Unfinished { next }
        }
        State::Parked if receive_count > 1 => Loaded::Parked { closed: health.breaker == Breaker::Closed },
        State::Pending { .. }
        | State::Parked
        | State::Delivered
        | State::Exhausted
        | State::Skipped
        | State::FailedInternally => Loaded::Nothing(Nothing::Decided),
    }
}
