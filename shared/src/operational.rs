//! Operational events: what happens to an organisation's own keys, webhooks and members, published into those
//! of its webhooks that name them.
//!
//! The event is written in the transaction of what it tells, so that neither is there without the other. Its
//! deliveries go to SQS afterwards. When SQS does not take them, what was done stays done, and the reconciler
//! finds the event within the hour.

use std::sync::Arc;

use axum::extract::FromRef;
use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::event::{Activity, Event};
use crate::http::Held;
use crate::id::{EventId, OrgId, WebhookId};
use crate::queue::Queue;
use crate::table::{StoreError, Table};
use crate::webhook::{EventData, EventType};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// What can be told. Append only: webhooks name them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OperationalKind {$($(#[$doc])* $variant,)*}

        impl OperationalKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The type of the event.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $text,)*}
            }
        }
    };
}

kinds! {
    /// Somebody made a key.
    ApiKeyCreated = "api_key.created";
    /// A key was given another text.
    ApiKeyRotated = "api_key.rotated";
    /// A key was revoked.
    ApiKeyRevoked = "api_key.revoked";
    /// A key was reported as leaked, and switched off.
    ApiKeyLeaked = "api_key.leaked";
    /// The organisation has another name or other modules.
    OrganizationUpdated = "organization.updated";
    /// A domain was shown to be the organisation's.
    OrganizationDomainVerified = "organization.domain_verified";
    /// A domain that was the organisation's was given up.
    OrganizationDomainRemoved = "organization.domain_removed";
    /// Somebody was invited.
    MemberInvited = "member.invited";
    /// Somebody with an address at a domain of the organisation asks to join.
    MemberRequested = "member.requested";
    /// Somebody is a member: by an invitation, by a domain, or let in.
    MemberAdded = "member.added";
    /// A member has another role.
    MemberUpdated = "member.updated";
    /// A member left, was taken out, or deleted their account.
    MemberRemoved = "member.removed";
    /// Somebody made a webhook.
    WebhookCreated = "webhook.created";
    /// A webhook was changed, paused or resumed.
    WebhookUpdated = "webhook.updated";
    /// A webhook was deleted.
    WebhookDeleted = "webhook.deleted";
    /// A receiver answered 410, or failed for days, and its webhook is off.
    WebhookDisabled = "webhook.disabled";
    /// A receiver has failed for so long that half of the time is over until its webhook is switched off.
    WebhookFailing = "webhook.failing";
    /// A receiver that failed answers again: what was parked goes out.
    WebhookRecovered = "webhook.recovered";
    /// A test of a webhook: it goes to that one, whatever it names.
    WebhookTest = "webhook.test";
    /// A delivery has failed four times.
    DeliveryFailing = "delivery.failing";
    /// A delivery was tried as often as the schedule says.
    DeliveryExhausted = "delivery.exhausted";
}

impl OperationalKind {
    /// Whether events of `kind` are ours to publish: nobody else can.
    pub fn is_reserved(kind: &EventType) -> bool {
        Self::ALL.iter().any(|ours| ours.as_str() == kind.as_str())
    }
}

/// Publishes operational events.
#[derive(Clone)]
pub struct Operational {
    table: Table,
    queue: Queue,
    clock: Clock,
    entropy: Entropy,
    activity: Arc<Activity>,
}

impl<S> FromRef<Held<S>> for Operational
where
    Operational: FromRef<S>,
{
    fn from_ref(held: &Held<S>) -> Self {
        Self::from_ref(held.state())
    }
}

impl Operational {
    /// Over the tables and the queue of deliveries.
    pub fn new(table: Table, queue: Queue, (clock, entropy): (Clock, Entropy)) -> Self {
        Self { table, queue, clock, entropy, activity: Arc::default() }
    }

    /// The event that tells it, for the webhooks that name its type: nobody is told what they did not ask
    /// for, so a webhook for "everything" gets what the organisation publishes, and not this. `None` where no
    /// webhook names it, or its conditions do not hold: then there is nothing to write. A webhook is not told what it is `about`: it would
    /// hear of its failures by what fails.
    pub async fn prepare(
        &self,
        org: OrgId,
        kind: OperationalKind,
        about: Option<WebhookId>,
        data: Value,
    ) -> Result<Option<Event>, StoreError> {
        let kind: EventType =
            kind.as_str().parse().map_err(|_| StoreError::Corrupt(format!("`{}`", kind.as_str())))?;
        let subscriptions = self.table.subscriptions(org).await?;
        let corrupt = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let json = to_raw_value(&data).map_err(corrupt)?;
        let data = EventData::of(&json);
        let named = subscriptions.into_iter().filter(|(_, wants)| wants.names(&kind, &data));
        let matched: Vec<_> = named.map(|(id, _)| id).filter(|id| about != Some(*id)).collect();
        if matched.is_empty() {
            return Ok(None);
        }
        let id = EventId::new(self.clock.now(), &self.entropy)?;
        self.note_active(org, id.made_at()).await?;
        let body = Event::body(id, &kind, &json).map_err(corrupt)?;
        let (channels, publishers_trace) = (Vec::new(), None);
        Ok(Some(Event { id, org, kind, body, matched, channels, operational: true, publishers_trace }))
    }

    /// Puts on record that an organisation publishes, for the reconciler; to be called before an event of `at`
    /// is written. See [`Table::note_active`].
    pub async fn note_active(&self, org: OrgId, at: Timestamp) -> Result<(), StoreError> {
        self.table.note_active(&self.activity, org, at).await
    }

    /// Puts the deliveries of an event that was written into the queue.
    pub async fn dispatch(&self, event: Option<Event>) {
        let Some(event) = event else { return };
        let now = self.clock.now();
        if let Err(error) = self.queue.send(&event.tasks(now), now).await {
            tracing::warn!(%error, event = %event.id, "the deliveries of an operational event wait for the reconciler");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_an_event_type_that_is_ours() {
        for kind in OperationalKind::ALL {
            assert!(OperationalKind::is_reserved(&kind.as_str().parse().unwrap()), "{}", kind.as_str());
        }
        assert!(!OperationalKind::is_reserved(&"api_key.used".parse().unwrap()));
    }
}
