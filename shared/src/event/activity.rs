//! P25: who published in which hour, so that the reconciler finds events whose publisher died between the
//! table and the queue without looking through the table.
//!
//! A process writes it before the first event of an organisation in an hour, and remembers that it has: what
//! it costs does not grow with the events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::Event;
use super::store::EventItem;
use crate::clock::Timestamp;
use crate::id::{EventId, OrgId};
use crate::table::{StoreError, Table, keys, readable};

/// An hour, counted from 1970.
pub type Hour = i64;

/// The hour of a time.
pub fn hour_of(at: Timestamp) -> Hour {
    at.seconds() / 3600
}

/// What a process has written of the hour.
#[derive(Debug, Default)]
pub struct Activity(Mutex<HashMap<OrgId, Hour>>);

/// A process that sees more organisations than this starts over.
const ENTRIES_MAX: usize = 16_384;

impl Activity {
    fn knows(&self, org: OrgId, hour: Hour) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&org) == Some(&hour)
    }

    fn remember(&self, org: OrgId, hour: Hour) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ENTRIES_MAX {
            known.clear();
        }
        known.insert(org, hour);
    }
}

#[derive(Serialize, Deserialize)]
struct ActiveItem {
    org: OrgId,
}

/// The event of the last of some items.
pub(crate) fn last_of(items: &[Value]) -> Option<EventId> {
    items.last()?["sk"].as_str()?.parse().ok()
}

impl Table {
    /// P25: puts on record that an organisation publishes in the hour of `at`. To be called before the event
    /// is written, with the time in the event's identifier.
    pub async fn note_active(
        &self,
        activity: &Activity,
        org: OrgId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        /// Far longer than the reconciler can be behind.
        const KEPT: std::time::Duration = std::time::Duration::from_hours(7 * 24);
        let hour = hour_of(at);
        if !activity.knows(org, hour) {
            self.put_new(&keys::active(hour, org), &ActiveItem { org }, Some(at.plus(KEPT))).await?;
            activity.remember(org, hour);
        }
        Ok(())
    }

    /// P25: the organisations that published in an hour, in one shard.
    pub async fn active_in(&self, hour: Hour, shard: u8) -> Result<Vec<OrgId>, StoreError> {
        let items: Vec<ActiveItem> = self.all(&keys::active_in(hour, shard)).await?;
        Ok(items.into_iter().map(|item| item.org).collect())
    }

    /// P10: a page of the events that are kept, the newest first, before `before`. The days are walked back:
    /// one without events costs a read.
    pub async fn events_before(
        &self,
        org: OrgId,
        before: Option<EventId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<Event>, StoreError> {
        const DAY: std::time::Duration = std::time::Duration::from_hours(24);
        let oldest = now.minus(Event::KEPT);
        let mut day = before.map_or(now, |event| event.made_at());
        let mut after = before.map(|event| keys::event(org, event));
        let mut events: Vec<Event> = Vec::new();
        loop {
            let missing = usize::from(limit).saturating_sub(events.len());
            let first = keys::events_of_day(org, day);
            let page: Vec<EventItem> =
                self.page(&first, after.as_ref(), u16::try_from(missing).unwrap_or(limit)).await?;
            events.extend(page.into_iter().map(Event::from).filter(|event| now < event.expires_at()));
            if events.len() >= usize::from(limit) || day <= oldest {
                return Ok(events);
            }
            (day, after) = (day.minus(DAY), None);
        }
    }

    /// P10: some of the events that are kept, the oldest first, after `after` and before `until`, and after
    /// which event the next are, if there may be more. The days are walked on: one without events costs a read.
    /// One that cannot be read holds up no other.
    pub async fn events_from(
        &self,
        org: OrgId,
        after: EventId,
        until: Timestamp,
        limit: u16,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Option<EventId>), StoreError> {
        const DAY: i64 = 24 * 3600;
        let last_day = until.min(now);
        // What is not kept any more is not looked for.
        let after = after.max(EventId::earliest(now.minus(Event::KEPT)));
        let (mut day, mut from) = (after.made_at(), keys::event(org, after));
        loop {
            let items = self.oldest(&keys::events_of_day(org, day), Some(&from), limit).await?;
            let next_day = Timestamp::from_seconds((day.seconds() / DAY + 1) * DAY);
            let next = match last_of(&items).filter(|_| items.len() >= usize::from(limit)) {
                Some(last) => Some(last),
                None if next_day > last_day => None,
                // An empty day is gone past here; what is behind one that is not, the next call looks at.
                None if items.is_empty() => {
                    (day, from) = (next_day, keys::events_from(org, next_day));
                    continue;
                }
                None => Some(EventId::earliest(next_day)),
            };
            let events = readable::<EventItem>(items).map(Event::from);
            let within = events.filter(|event| event.created_at() < until && now < event.expires_at());
            let next = next.filter(|next| next.made_at() < until);
            return Ok((within.collect(), next));
        }
    }

    /// P10: a page of the events of an hour, the oldest first, after `after`. One that cannot be read holds up
    /// no other.
    pub async fn events_of_hour(
        &self,
        org: OrgId,
        hour: Hour,
        after: Option<&Event>,
        limit: u16,
    ) -> Result<Vec<Event>, StoreError> {
        let (from, end) = (Timestamp::from_seconds(hour * 3600), Timestamp::from_seconds((hour + 1) * 3600));
        let after = after.map_or_else(|| keys::events_from(org, from), |event| keys::event(org, event.id));
        let items = self.oldest(&keys::events_of_day(org, from), Some(&after), limit).await?;
        let events = readable::<EventItem>(items).map(Event::from);
        Ok(events.filter(|event| event.created_at() < end).collect())
    }
}
