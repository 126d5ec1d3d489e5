//! P12 and P13: deliveries and their failed attempts.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::due::waits_in_the_table;
use super::model::{Attempt, Delivery, QUEUED_WITHIN, State};
use super::outcome::{Outcome, Unreachable};
use crate::clock::{Timestamp, millis};
use crate::event::{Event, event_of, last_of};
use crate::health::{Health, health_of};
use crate::id::{DeliveryId, EventId, OrgId, ReplayId, WebhookId};
use crate::organization::{Organization, organization_of};
use crate::table::{Cancelled, Item, StoreError, Table, Transaction, from_item, keys, number, readable};
use crate::webhook::{Disabled, EventType, Webhook, webhook_of};

/// What a delivery needs, read together.
#[derive(Debug)]
pub struct InHand {
    /// What is delivered; absent when it is forgotten.
    pub event: Option<Event>,
    /// Where to; absent when it was deleted.
    pub webhook: Option<Webhook>,
    /// How far it is; absent before the first attempt ended.
    pub delivery: Option<Delivery>,
    /// Whose it is; absent when it was deleted.
    pub organization: Option<Organization>,
    /// How its receiver does.
    pub health: Health,
}

impl InHand {
    fn of(
        [event, webhook, delivery, organization, health]: [Option<Item>; 5],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let event = event.map(event_of).transpose()?.filter(|event| now < event.expires_at());
        let webhook = webhook.map(webhook_of).transpose()?;
        let organization = organization.map(organization_of).transpose()?.flatten();
        let (delivery, health) = (delivery.map(delivery_of).transpose()?, health_of(health)?);
        Ok(Self { event, webhook, delivery, organization, health })
    }
}

/// Whether a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was.
    Now,
    /// It was, and its webhook was switched off with it.
    SwitchedOff,
    /// The delivery was past it already.
    Before,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    Parked,
    Delivered,
    Exhausted,
    Skipped,
    FailedInternally,
}

#[derive(Clone, Serialize, Deserialize)]
struct AttemptItem {
    number: u16,
    #[serde(with = "millis")]
    at: Timestamp,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    duration_ms: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
}

impl From<&Attempt> for AttemptItem {
    fn from(attempt: &Attempt) -> Self {
        let retry_after = match attempt.outcome {
            Outcome::Rejected { retry_after, .. } => retry_after,
            Outcome::Delivered { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => None,
        };
        Self {
            number: attempt.number,
            at: attempt.at,
            outcome: attempt.outcome.as_str().to_owned(),
            reason: attempt.outcome.reason().map(str::to_owned),
            status: attempt.outcome.status(),
            retry_after_seconds: retry_after.map(|wait| wait.as_secs()),
            duration_ms: attempt.duration_ms,
            response_body: attempt.response_body.clone(),
        }
    }
}

impl TryFrom<AttemptItem> for Attempt {
    type Error = StoreError;

    fn try_from(item: AttemptItem) -> Result<Self, StoreError> {
        let odd = || StoreError::Corrupt(format!("an attempt has the outcome `{}`", item.outcome));
        let outcome = match (item.outcome.as_str(), item.status) {
            ("delivered", Some(status)) => Outcome::Delivered { status },
            ("rejected", Some(status)) => {
                Outcome::Rejected { status, retry_after: item.retry_after_seconds.map(Duration::from_secs) }
            }
            ("timed_out", _) => Outcome::TimedOut,
            ("unreachable", _) => {
                Outcome::Unreachable(item.reason.as_deref().and_then(Unreachable::named).ok_or_else(odd)?)
            }
            _ => return Err(odd()),
        };
        let AttemptItem { number, at, duration_ms, response_body, .. } = item;
        Ok(Self { number, at, outcome, duration_ms, response_body })
    }
}

#[derive(Serialize, Deserialize)]
struct DeliveryItem {
    event: EventId,
    webhook: WebhookId,
    org: OrgId,
    event_type: EventType,
    status: Status,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    attempts: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_attempt: Option<AttemptItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayId>,
    #[serde(default, skip_serializing_if = "is_zero")]
    trials: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u16) -> bool {
    *count == 0
}

impl DeliveryItem {
    fn new(org: OrgId, delivery: &Delivery) -> Self {
        let (status, due) = match delivery.state {
            State::Pending { due } => (Status::Pending, Some(due)),
            State::Parked => (Status::Parked, None),
            State::Delivered => (Status::Delivered, None),
            State::Exhausted => (Status::Exhausted, None),
            State::Skipped => (Status::Skipped, None),
            State::FailedInternally => (Status::FailedInternally, None),
        };
        Self {
            event: delivery.id.event,
            webhook: delivery.id.webhook,
            org,
            event_type: delivery.event_type.clone(),
            status,
            due,
            attempts: delivery.attempts,
            last_attempt: delivery.last_attempt.as_ref().map(Into::into),
            replay: delivery.replay,
            trials: delivery.trials,
        }
    }
}

impl TryFrom<DeliveryItem> for Delivery {
    type Error = StoreError;

    fn try_from(item: DeliveryItem) -> Result<Self, StoreError> {
        let id = DeliveryId { event: item.event, webhook: item.webhook };
        Ok(Self {
            id,
            event_type: item.event_type,
            state: match (item.status, item.due) {
                (Status::Pending, due) => State::Pending { due: due.unwrap_or(item.event.made_at()) },
                (Status::Parked, _) => State::Parked,
                (Status::Delivered, _) => State::Delivered,
                (Status::Exhausted, _) => State::Exhausted,
                (Status::Skipped, _) => State::Skipped,
                (Status::FailedInternally, _) => State::FailedInternally,
            },
            attempts: item.attempts,
            last_attempt: item.last_attempt.map(TryInto::try_into).transpose()?,
            replay: item.replay,
            trials: item.trials,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ReplayedItem {
    webhook: WebhookId,
}

fn delivery_of(item: Item) -> Result<Delivery, StoreError> {
    from_item::<DeliveryItem>(item)?.try_into()
}

pub(super) fn expires(delivery: &Delivery) -> Timestamp {
    delivery.id.event.made_at().plus(Event::KEPT)
}

/// Webhooks that got an event by a replay alone and are shown with it: as many as an organisation can have.
const REPLAYED_MAX: u16 = 1000;

impl Table {
    /// P9, P10 and P12 for several deliveries, in one call, each item once. An item that cannot be
    /// read is the trouble of its own delivery only.
    pub async fn in_hand(
        &self,
        deliveries: &[(OrgId, DeliveryId)],
        now: Timestamp,
    ) -> Result<Vec<Result<InHand, StoreError>>, StoreError> {
        let mut wanted = Vec::with_capacity(deliveries.len() * 5);
        for (org, id) in deliveries {
            wanted.extend([
                keys::event(*org, id.event),
                keys::webhook(*org, id.webhook),
                keys::delivery(*org, *id),
                keys::organization(*org),
                keys::health(*org, id.webhook),
            ]);
        }
        let mut items = self.get_many(&wanted).await?.into_iter();
        let mut next = || items.next().flatten();
        Ok(deliveries.iter().map(|_| InHand::of([next(), next(), next(), next(), next()], now)).collect())
    }

    /// P12: a delivery that was tried at least once or skipped, and is still kept.
    pub async fn delivery(
        &self,
        org: OrgId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let item: Option<DeliveryItem> = self.get(&keys::delivery(org, id)).await?;
        let delivery: Option<Delivery> = item.map(TryInto::try_into).transpose()?;
        Ok(delivery.filter(|delivery| now < expires(delivery)))
    }

    /// P12: the deliveries of an event to each of `webhooks`, where there is one.
    pub async fn deliveries_of_event(
        &self,
        org: OrgId,
        event: EventId,
        webhooks: &[WebhookId],
    ) -> Result<Vec<Option<Delivery>>, StoreError> {
        let ids: Vec<_> = webhooks.iter().map(|webhook| DeliveryId { event, webhook: *webhook }).collect();
        self.deliveries_by_id(org, &ids).await
    }

    /// P12 and P33: every delivery of an event: to the webhooks that it matched, tried or not, and to those
    /// that got it by a replay, of these the [`REPLAYED_MAX`] newest at the most.
    pub async fn deliveries_of(&self, event: &Event) -> Result<Vec<Delivery>, StoreError> {
        let mut webhooks = event.matched.clone();
        let first = keys::all_replayed_to(event.org, event.id);
        let replayed: Vec<ReplayedItem> = self.page(&first, None, REPLAYED_MAX).await?;
        webhooks.extend(replayed.into_iter().map(|item| item.webhook));
        let found = self.deliveries_of_event(event.org, event.id, &webhooks).await?;
        let deliveries =
            found.into_iter().zip(webhooks).enumerate().filter_map(|(place, (found, webhook))| {
                let id = DeliveryId { event: event.id, webhook };
                let untried = || Delivery::untried(id, event.kind.clone());
                found.or_else(|| (place < event.matched.len()).then(untried))
            });
        Ok(deliveries.collect())
    }

    /// P12: several deliveries, where there is one.
    pub async fn deliveries_by_id(
        &self,
        org: OrgId,
        ids: &[DeliveryId],
    ) -> Result<Vec<Option<Delivery>>, StoreError> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::delivery(org, *id)).collect();
        self.get_many(&wanted).await?.into_iter().map(|item| item.map(delivery_of).transpose()).collect()
    }

    /// P12: a page of a webhook's deliveries, those of the newest events first. Those that are not kept
    /// any more are the oldest, so leaving them out shortens the last page and no other.
    pub async fn deliveries_of_webhook(
        &self,
        org: OrgId,
        webhook: WebhookId,
        after: Option<EventId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let after = after.map(|event| keys::delivery(org, DeliveryId { event, webhook }));
        let items: Vec<DeliveryItem> =
            self.page(&keys::deliveries(org, webhook), after.as_ref(), limit).await?;
        let deliveries = items.into_iter().map(Delivery::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(deliveries.into_iter().filter(|delivery| now < expires(delivery)).collect())
    }

    /// P12: some of a webhook's deliveries, the oldest events first, after `after`, and after which event the
    /// next are, if there may be more.
    pub async fn deliveries_from(
        &self,
        org: OrgId,
        webhook: WebhookId,
        after: EventId,
        limit: u16,
        now: Timestamp,
    ) -> Result<(Vec<Delivery>, Option<EventId>), StoreError> {
        let after = keys::delivery(org, DeliveryId { event: after, webhook });
        let items = self.oldest(&keys::deliveries(org, webhook), Some(&after), limit).await?;
        let next = last_of(&items).filter(|_| items.len() >= usize::from(limit));
        let deliveries = readable::<DeliveryItem>(items).filter_map(|item| Delivery::try_from(item).ok());
        Ok((deliveries.filter(|delivery| now < expires(delivery)).collect(), next))
    }

    /// P13: the failed attempts of a delivery, the first first. The schedule bounds them.
    pub async fn failed_attempts(&self, org: OrgId, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let items: Vec<AttemptItem> = self.all(&keys::attempts(org, id)).await?;
        items.into_iter().map(TryInto::try_into).collect()
    }

    /// P12, P13, P23 and P9: the delivery after an attempt, written on the one before it. A failed
    /// attempt is an item of its own, and so is the next one when it is due later than the queue can
    /// wait; `gone` is the webhook to switch off in the same transaction, as it was read, and `told` the
    /// operational event that says what happened.
    pub async fn record_attempt(
        &self,
        org: OrgId,
        delivery: &Delivery,
        failed: Option<&Attempt>,
        gone: Option<&Webhook>,
        told: Option<&Event>,
    ) -> Result<Recorded, StoreError> {
        let key = keys::delivery(org, delivery.id);
        let expires = Some(expires(delivery));
        let before = HashMap::from([(":before".to_owned(), number(delivery.attempts.saturating_sub(1)))]);
        let unchanged = "attribute_not_exists(pk) OR attempts = :before";
        let item = DeliveryItem::new(org, delivery);
        let Some(failed) = failed else {
            let put = self.put_if(&key, &item, expires, unchanged, before).await?;
            return Ok(if put { Recorded::Now } else { Recorded::Before });
        };
        let attempt_key = keys::attempt(org, delivery.id, failed.number);
        let attempted = || {
            let transaction = self.transaction().put_if(&key, &item, expires, unchanged, before.clone())?;
            let transaction = transaction.put_new(&attempt_key, &AttemptItem::from(failed), expires)?;
            match delivery.state {
                State::Pending { due } if waits_in_the_table(due, failed.at) => {
                    transaction.put_due(org, delivery.id, failed.number.saturating_add(1), due)
                }
                _ => Ok(transaction),
            }
        };
        let written = match gone {
            None => attempted()?.tell(told)?.commit().await?,
            Some(webhook) => {
                attempted()?
                    .disable_webhook(webhook, Disabled::Gone { at: failed.at })?
                    .tell(told)?
                    .commit()
                    .await?
            }
        };
        match written {
            Ok(()) if gone.is_some() => Ok(Recorded::SwitchedOff),
            Ok(()) => Ok(Recorded::Now),
            // Only the webhook is not as it was read: deleted, switched off or pointed elsewhere since.
            // There is nothing to switch off or to tell then, and the attempt is recorded all the same.
            Err(Cancelled(places)) if places == [2] => match attempted()?.commit().await? {
                Ok(()) => Ok(Recorded::Now),
                Err(Cancelled(_)) => Ok(Recorded::Before),
            },
            Err(Cancelled(_)) => Ok(Recorded::Before),
        }
    }

    /// P12: a delivery that was not tried: its webhook was off, or we failed.
    pub async fn record_untried(&self, org: OrgId, delivery: &Delivery) -> Result<Recorded, StoreError> {
        let key = keys::delivery(org, delivery.id);
        let unchanged = HashMap::from([(":before".to_owned(), number(delivery.attempts))]);
        let condition = "attribute_not_exists(pk) OR attempts = :before";
        let item = DeliveryItem::new(org, delivery);
        let put = self.put_if(&key, &item, Some(expires(delivery)), condition, unchanged).await?;
        Ok(if put { Recorded::Now } else { Recorded::Before })
    }
}

/// How much later than its message a delivery that was reopened is in the table as well.
const LATER: Duration = Duration::from_mins(1);

impl Transaction<'_> {
    /// P12, P33 and P23: a delivery that there was not, of an event that did not match its webhook (3 writes).
    /// Its attempt is put into the table as well: see [`Self::reopen_delivery`].
    pub fn open_delivery(self, org: OrgId, new: &Delivery, now: Timestamp) -> Result<Self, StoreError> {
        let (key, item, expires) =
            (keys::delivery(org, new.id), DeliveryItem::new(org, new), Some(expires(new)));
        let at = now.plus(QUEUED_WITHIN + LATER);
        let replayed = ReplayedItem { webhook: new.id.webhook };
        self.put_new(&key, &item, expires)?
            .put_new(&keys::replayed_to(org, new.id), &replayed, expires)?
            .put_due(org, new.id, 1, at)
    }

    /// P12, P13 and P23: a delivery that has ended goes on (2 writes, or 3). Refused when it is not as it
    /// was read. Its attempt is put into the table as well, for later than the queue can wait: should the
    /// task that is sent for it be lost, the sweeper sends another.
    pub fn reopen_delivery(
        self,
        org: OrgId,
        before: &Delivery,
        again: &Delivery,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let unchanged = HashMap::from([(":before".to_owned(), number(before.attempts))]);
        // What is pending has a time.
        let condition = "attempts = :before AND attribute_not_exists(due)";
        let (key, item) = (keys::delivery(org, before.id), DeliveryItem::new(org, again));
        let transaction = self.put_if(&key, &item, Some(expires(again)), condition, unchanged)?;
        let at = now.plus(QUEUED_WITHIN + LATER);
        let transaction = transaction.put_due(org, before.id, again.attempts.saturating_add(1), at)?;
        // The attempt that succeeded had no item of its own while it was the last.
        match (before.state, &before.last_attempt) {
            (State::Delivered, Some(last)) => {
                let key = keys::attempt(org, before.id, last.number);
                transaction.put_new(&key, &AttemptItem::from(last), Some(expires(before)))
            }
            _ => Ok(transaction),
        }
    }
}
