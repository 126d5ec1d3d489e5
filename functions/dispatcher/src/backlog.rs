//! The backlog of a webhook whose receiver fails.
//!
//! While its breaker is open, deliveries are parked. One turn after the other tries one of the oldest, and
//! when that succeeds, takes them in their order: one, then two, then four. Turns are numbered, and whoever
//! ends one writes the number of the next: a copy of a message does nothing.
//!
//! **Nothing stays behind.** Whoever parks looks at the breaker *after* that, and whoever closes it looks at
//! the backlog *after* that. One of the two sees the other, and the backlog drains.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::delivery::{Delivery, InHand, Outcome, State};
use shared::health::{Breaker, Health};
use shared::id::{DeliveryId, OrgId, WebhookId};
use shared::lane::Lane;
use shared::observe::Metric;
use shared::operational::OperationalKind;
use shared::queue::{DeliveryTask, TurnTask};
use shared::table::StoreError;

use crate::load::{Prepared, open};
use crate::record::Attempted;
use crate::{DispatchError, Dispatcher, Slot};

type Place = (OrgId, WebhookId);

/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(10);

/// Which turn a message is for, and how often it was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) number: u64,
    pub(crate) receive_count: u32,
}

/// What became of one of the backlog.
enum Tried {
    /// It was not there to be tried any more.
    Dropped,
    /// Its webhook does not receive.
    Skipped,
    /// It was tried.
    Attempted(Attempted),
    /// It may be tried then, for its pace.
    Later(Slot),
}

impl Dispatcher {
    /// What is skipped in one turn.
    const SKIPPED: u16 = 50;

    /// Parks a delivery.
    pub(crate) async fn park(&self, place: Place, delivery: &Delivery) -> Result<(), DispatchError> {
        tracing::info!(delivery = %delivery.id, "delivery parked");
        self.core.table.park(place.0, delivery).await?;
        self.core.observer.count(Metric::DeliveriesParked, 1);
        let health = self.core.table.health(place.0, place.1).await?;
        match health.breaker {
            Breaker::Closed => self.drain_what_is_left(place).await,
            Breaker::Open { .. } | Breaker::Draining { .. } => Ok(()),
        }
    }

    /// Begins to drain a backlog that was left behind, if there is one.
    pub(crate) async fn drain_what_is_left(&self, place: Place) -> Result<(), DispatchError> {
        let health = self.core.table.health(place.0, place.1).await?;
        let left = self.core.table.oldest_parked(place.0, place.1, 1).await?;
        if health.breaker == Breaker::Closed && !left.is_empty() {
            let now = self.core.clock.now();
            self.go_on(place, health.turn, Breaker::drains(now, now), None).await?;
        }
        Ok(())
    }

    /// One turn.
    pub(crate) async fn take_turn(
        &self,
        place: Place,
        turn: Turn,
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let health = table.health(place.0, place.1).await?;
        let due = match health.breaker {
            Breaker::Closed => return self.drain_what_is_left(place).await,
            Breaker::Open { due, .. } | Breaker::Draining { due, .. } => due,
        };
        if health.turn == turn.number + 1 && turn.receive_count > 1 {
            // Whoever ended it may have died before the next one was in the queue.
            let next = TurnTask::new(place.0, Lane::Backlog(place.1), health.turn, due);
            return Ok(self.queue.send(&[next.into()], now).await?);
        }
        if health.turn != turn.number || !table.claim_turn(place, turn.number, now, deadline).await? {
            return Ok(());
        }
        let parked = table.oldest_parked(place.0, place.1, wanted(health.breaker)).await?;
        if parked.is_empty() {
            self.go_on(place, health.turn, Breaker::Closed, None).await?;
            return self.drain_what_is_left(place).await;
        }
        match health.breaker {
            Breaker::Closed => Ok(()),
            Breaker::Open { since, probes, .. } => {
                let candidate = self.candidate(place, probes, &parked).await?;
                self.probe(place, &health, (since, probes), candidate, deadline).await
            }
            Breaker::Draining { since, page, paced, .. } => {
                self.take_page(place, &health, (since, page, paced), &parked, deadline).await
            }
        }
    }

    /// One of the oldest in turn, and now and then the newest: those in front may all be of a kind that the
    /// receiver cannot take.
    async fn candidate(
        &self,
        place: Place,
        probes: u16,
        oldest: &[DeliveryId],
    ) -> Result<DeliveryId, DispatchError> {
        let round = probes % (Breaker::CANDIDATES + 1);
        if round == Breaker::CANDIDATES
            && let Some(newest) = self.core.table.newest_parked(place.0, place.1).await?
        {
            return Ok(newest);
        }
        Ok(oldest[usize::from(round) % oldest.len()])
    }

    /// Tries one, and waits or drains.
    async fn probe(
        &self,
        place: Place,
        health: &Health,
        (since, probes): (Timestamp, u16),
        candidate: DeliveryId,
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let in_hand = self.one(place, candidate, now).await?;
        let webhook = in_hand.as_ref().and_then(|in_hand| in_hand.webhook.clone());
        let tried = match in_hand {
            Some(in_hand) => self.try_parked(place, in_hand, (candidate, true, false), deadline).await?,
            None => Tried::Dropped,
        };
        let now = self.core.clock.now();
        let open = |probes, due| Breaker::Open { since, probes, due };
        let (next, told) = match (tried, webhook) {
            (Tried::Attempted(Attempted::Now { outcome: Outcome::Delivered { .. }, .. }), Some(webhook)) => {
                let data = serde_json::json!({ "webhook_id": webhook.id, "failing_since": since });
                let kind = OperationalKind::WebhookRecovered;
                let told = self.operational.prepare(place.0, kind, Some(webhook.id), data).await?;
                tracing::info!(webhook = %webhook.id, "its receiver is back: what is parked goes out");
                (Breaker::drains(since, now), told)
            }
            (Tried::Attempted(Attempted::Now { outcome, .. }), Some(webhook)) => {
                let wait = self.probe_wait(&webhook, probes.saturating_add(1), Some(outcome))?;
                (open(probes.saturating_add(1), now.plus(wait)), None)
            }
            (Tried::Skipped, _) => {
                let off = table.oldest_parked(place.0, place.1, Self::SKIPPED).await?;
                self.skip_parked(place, &off).await?;
                (open(probes, now), None)
            }
            (Tried::Later(slot), _) => (open(probes, slot.at), None),
            (Tried::Dropped | Tried::Attempted(_), _) => (open(probes, now), None),
        };
        if self.go_on(place, health.turn, next, told.as_ref()).await? {
            self.operational.dispatch(told).await;
        }
        Ok(())
    }

    /// Sends some, one after the other.
    async fn take_page(
        &self,
        place: Place,
        health: &Health,
        (since, page, paced): (Timestamp, u16, bool),
        parked: &[DeliveryId],
        deadline: Timestamp,
    ) -> Result<(), DispatchError> {
        let mut next = None;
        // A turn that waited for a slot has it: its first delivery asks for no other.
        let mut paced = paced;
        for id in parked {
            let now = self.core.clock.now();
            let Some(in_hand) = self.one(place, *id, now).await? else { continue };
            if in_hand.health.turn != health.turn {
                // Somebody has begun another turn.
                return Ok(());
            }
            let timeout = in_hand.webhook.as_ref().map_or(0, |webhook| webhook.timeout_seconds);
            let needed = Duration::from_secs(timeout.into()) + 2 * Self::OVERHEAD;
            if deadline.since(now) < needed {
                next = Some(Breaker::Draining { since, page, due: now, paced });
                break;
            }
            match self.try_parked(place, in_hand, (*id, false, paced), deadline).await? {
                // Another turn has begun.
                Tried::Attempted(Attempted::Now { opened: true, .. }) => return Ok(()),
                Tried::Skipped => {
                    self.skip_parked(place, parked).await?;
                    next = Some(Breaker::Draining { since, page: Self::SKIPPED, due: now, paced: false });
                    break;
                }
                Tried::Later(Slot { at: due, given: paced }) => {
                    next = Some(Breaker::Draining { since, page, due, paced });
                    break;
                }
                Tried::Dropped => {}
                Tried::Attempted(_) => paced = false,
            }
        }
        let next = next.unwrap_or_else(|| Breaker::ramped(since, page, self.core.clock.now()));
        self.go_on(place, health.turn, next, None).await.map(drop)
    }

    /// What a delivery needs. Nothing where some of it cannot be read: that one has failed on us, and does not
    /// hold up the others.
    async fn one(
        &self,
        place: Place,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Option<InHand>, DispatchError> {
        match self.core.table.in_hand(&[(place.0, id)], now).await?.pop() {
            Some(Ok(in_hand)) => Ok(Some(in_hand)),
            Some(Err(error @ StoreError::Corrupt(_))) => {
                tracing::error!(%error, delivery = %id, "a parked delivery cannot be read, and fails on us");
                self.fail_parked(place, id, now).await.map(|()| None)
            }
            Some(Err(error)) => Err(error.into()),
            None => Ok(None),
        }
    }

    async fn fail_parked(&self, place: Place, id: DeliveryId, now: Timestamp) -> Result<(), DispatchError> {
        let table = &self.core.table;
        // What all of them share is no trouble of this one: then they all wait until it can be read.
        table.webhook(place.0, place.1).await?;
        table.organization(place.0).await?;
        match table.delivery(place.0, id, now).await {
            Ok(Some(delivery)) => {
                let number = delivery.attempts.saturating_add(1);
                let failed = delivery.unparked(now).and_then(|pending| pending.failed_internally(number));
                if let Ok(failed) = failed {
                    table.record_untried(place.0, &failed).await?;
                }
            }
            Ok(None) | Err(StoreError::Corrupt(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(table.forget_parked(place.0, id).await?)
    }

    /// Tries one of the backlog, as a trial or in the order of things. What was tried and has not failed in a
    /// trial is out of the backlog then.
    async fn try_parked(
        &self,
        place: Place,
        in_hand: InHand,
        (id, probe, paced): (DeliveryId, bool, bool),
        deadline: Timestamp,
    ) -> Result<Tried, DispatchError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let InHand { event, webhook, delivery, organization, health } = in_hand;
        let Some(event) = event else {
            table.forget_parked(place.0, id).await?;
            return Ok(Tried::Dropped);
        };
        let delivery = delivery.unwrap_or_else(|| Delivery::untried(id, event.kind.clone()));
        let before = delivery.attempts;
        if let State::Pending { due } = delivery.state
            && due > now
            && !delivery.waits_in_the_table(due)
        {
            if due.since(now) < SKEW {
                // Whoever parks it may have a clock that is ahead, and be in the middle of it.
                return Ok(Tried::Later(Slot { at: due, given: false }));
            }
            // Its attempt is on record, and what came after that may have been cut off.
            let next = DeliveryTask::new(place.0, id, delivery.attempts.saturating_add(1), due);
            self.queue.send(&[next.into()], now).await?;
        }
        let Ok(delivery) = delivery.unparked(now) else {
            table.unpark(place.0, id, before).await?;
            return Ok(Tried::Dropped);
        };
        let Ok(webhook) = open(webhook, organization) else { return Ok(Tried::Skipped) };
        let attempt = delivery.attempts.saturating_add(1);
        let prepared = Prepared { org: place.0, event, webhook, delivery, attempt, health, probe };
        // A trial is one call in a while, and what was given a slot has it.
        if !probe
            && !paced
            && let Some(slot) = self.slot(&prepared, now).await
        {
            return Ok(Tried::Later(slot));
        }
        let attempted = Box::pin(self.attempt(prepared, deadline)).await?;
        let leaves = match attempted {
            Attempted::Now { outcome: Outcome::Delivered { .. }, .. } => true,
            Attempted::Now { .. } => !probe,
            // Somebody else has recorded it: the next turn sees as what.
            Attempted::Before => false,
        };
        if leaves {
            table.unpark(place.0, id, before).await?;
        }
        Ok(Tried::Attempted(attempted))
    }

    /// The webhook does not receive any more: what is parked is skipped, and kept.
    async fn skip_parked(&self, place: Place, parked: &[DeliveryId]) -> Result<(), DispatchError> {
        let table = &self.core.table;
        for id in parked {
            let Some(in_hand) = self.one(place, *id, self.core.clock.now()).await? else { continue };
            let InHand { event, delivery, .. } = in_hand;
            let untried = event.map(|event| Delivery::untried(*id, event.kind));
            if let Some(Ok(skipped)) = delivery.or(untried).map(Delivery::skipped) {
                table.record_untried(place.0, &skipped).await?;
            }
            table.forget_parked(place.0, *id).await?;
        }
        Ok(())
    }
}

/// How many of the backlog a turn looks at.
fn wanted(breaker: Breaker) -> u16 {
    match breaker {
        Breaker::Closed => 0,
        Breaker::Open { .. } => Breaker::CANDIDATES,
        Breaker::Draining { page, .. } => page,
    }
}
