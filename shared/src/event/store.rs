//! P10: events.

use serde::{Deserialize, Serialize};

use super::model::Event;
use crate::clock::Timestamp;
use crate::id::{EventId, OrgId, WebhookId};
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys};
use crate::trace::TraceContext;
use crate::webhook::{Channel, EventType};

#[derive(Serialize, Deserialize)]
pub(super) struct EventItem {
    event: EventId,
    org: OrgId,
    #[serde(rename = "type")]
    kind: EventType,
    body: String,
    matched: Vec<WebhookId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<Channel>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    operational: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
}

impl From<EventItem> for Event {
    fn from(item: EventItem) -> Self {
        let EventItem { event, org, kind, body, matched, channels, operational, trace } = item;
        Self { id: event, org, kind, body, matched, channels, operational, publishers_trace: trace }
    }
}

impl From<&Event> for EventItem {
    fn from(event: &Event) -> Self {
        let Event { id, org, kind, body, matched, channels, operational, publishers_trace: trace } =
            event.clone();
        Self { event: id, org, kind, body, matched, channels, operational, trace }
    }
}

/// Of an item that was read with others.
pub(crate) fn event_of(item: Item) -> Result<Event, StoreError> {
    from_item::<EventItem>(item).map(Into::into)
}

impl Table {
    /// P10: an event that is still kept.
    pub async fn event(&self, org: OrgId, id: EventId, now: Timestamp) -> Result<Option<Event>, StoreError> {
        let item: Option<EventItem> = self.get(&keys::event(org, id)).await?;
        Ok(item.map(Event::from).filter(|event| now < event.expires_at()))
    }

    /// P10: a new event; `false` when it is there already.
    pub async fn put_event(&self, event: &Event) -> Result<bool, StoreError> {
        let key = keys::event(event.org, event.id);
        self.put_new(&key, &EventItem::from(event), Some(event.expires_at())).await
    }
}

impl Transaction<'_> {
    /// P10: a new event (1 write).
    pub fn put_event(self, event: &Event) -> Result<Self, StoreError> {
        let key = keys::event(event.org, event.id);
        self.put_new(&key, &EventItem::from(event), Some(event.expires_at()))
    }

    /// P10: the event that tells what the transaction does, if anybody listens (1 write).
    pub fn tell(self, event: Option<&Event>) -> Result<Self, StoreError> {
        match event {
            Some(event) => self.put_event(event),
            None => Ok(self),
        }
    }
}
