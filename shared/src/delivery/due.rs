//! P23 and P24: attempts that are due later than a message can wait in the queue, by the minute, and how far
//! the sweeper has come with them.
//!
//! An attempt is written in the transaction that records the one before it, at least [`QUEUED_WITHIN`] ahead
//! of its time. So a minute that is nearer than that gets no more items, and can be swept to its end.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::model::QUEUED_WITHIN;
use crate::clock::{Timestamp, millis};
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::table::{StoreError, Table, Transaction, keys, number, readable};

/// An attempt that is due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub org: OrgId,
    /// Of what.
    pub delivery: DeliveryId,
    /// Which one.
    pub attempt: u16,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct DueItem {
    org: OrgId,
    event: EventId,
    webhook: WebhookId,
    attempt: u16,
    #[serde(with = "millis")]
    at: Timestamp,
}

impl From<DueItem> for Due {
    fn from(DueItem { org, event, webhook, attempt, at }: DueItem) -> Self {
        Self { org, delivery: DeliveryId { event, webhook }, attempt, at }
    }
}

#[derive(Serialize, Deserialize)]
struct MarkItem {
    done: i64,
}

/// Whether an attempt that is due at `due`, and planned at `now`, waits in the table.
pub fn waits_in_the_table(due: Timestamp, now: Timestamp) -> bool {
    due.since(now) > QUEUED_WITHIN
}

impl Transaction<'_> {
    /// P23: an attempt that is due later (1 write).
    pub(super) fn put_due(
        self,
        org: OrgId,
        delivery: DeliveryId,
        attempt: u16,
        at: Timestamp,
    ) -> Result<Self, StoreError> {
        let item = DueItem { org, event: delivery.event, webhook: delivery.webhook, attempt, at };
        // Whoever finds it there already repeats what wrote it.
        self.put_new(&keys::due(delivery, at), &item, None)
    }
}

impl Table {
    /// P23: the attempts of a minute in one shard, the first that are due first; at most `limit`. One that
    /// cannot be read is left where it is, and holds up no other.
    pub async fn due_in(&self, minute: i64, shard: u8, limit: u16) -> Result<Vec<Due>, StoreError> {
        let items = self.oldest(&keys::due_in(minute, shard), None, limit).await?;
        Ok(readable::<DueItem>(items).map(Into::into).collect())
    }

    /// P23: takes attempts out that are in the queue now.
    pub async fn delete_due(&self, dues: &[Due]) -> Result<(), StoreError> {
        let keys: Vec<_> = dues.iter().map(|due| keys::due(due.delivery, due.at)).collect();
        self.delete_many(&keys).await
    }

    /// P24: how far a task of the sweeper has come; `None` before its first run.
    pub async fn sweeper_mark(&self, task: &str) -> Result<Option<i64>, StoreError> {
        let item: Option<MarkItem> = self.get(&keys::sweeper(task)).await?;
        Ok(item.map(|item| item.done))
    }

    /// P24: the same, further on. It never goes back, whoever else sweeps.
    pub async fn move_sweeper_mark(&self, task: &str, done: i64) -> Result<(), StoreError> {
        let values = HashMap::from([(":done".to_owned(), number(done))]);
        let further = "attribute_not_exists(pk) OR done < :done";
        self.put_if(&keys::sweeper(task), &MarkItem { done }, None, further, values).await.map(drop)
    }
}
