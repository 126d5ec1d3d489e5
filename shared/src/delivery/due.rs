//! P23 and P24: attempts that are due later than a message can wait in the queue, by the minute, and how far
//! the sweeper has come with them.
//!
//! An attempt is written in the transaction that records the one before it, at least [`QUEUED_WITHIN`] ahead
//! of its time. So a minute that is nearer than that gets no more items, and can be swept to its end.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::QUEUED_WITHIN;
use crate::clock::{Timestamp, millis};
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::lane::Lane;
use crate::table::{Key, StoreError, Table, Transaction, keys, number, readable};

/// What is due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// An attempt.
    Attempt {
        /// Whose.
        org: OrgId,
        /// Of what.
        delivery: DeliveryId,
        /// Which one.
        attempt: u16,
        /// When.
        at: Timestamp,
    },
    /// A turn of a backlog or a replay.
    Turn {
        /// Whose.
        org: OrgId,
        /// Of what.
        lane: Lane,
        /// Which one.
        turn: u64,
        /// When.
        at: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DueItem {
    Attempt {
        org: OrgId,
        event: EventId,
        webhook: WebhookId,
        attempt: u16,
        #[serde(with = "millis")]
        at: Timestamp,
    },
    Turn {
        org: OrgId,
        lane: Lane,
        turn: u64,
        #[serde(with = "millis")]
        at: Timestamp,
    },
}

impl From<DueItem> for Due {
    fn from(item: DueItem) -> Self {
        match item {
            DueItem::Attempt { org, event, webhook, attempt, at } => {
                Self::Attempt { org, delivery: DeliveryId { event, webhook }, attempt, at }
            }
            DueItem::Turn { org, lane, turn, at } => Self::Turn { org, lane, turn, at },
        }
    }
}

impl Due {
    fn key(&self) -> Key {
        match *self {
            Self::Attempt { delivery, at, .. } => keys::due(delivery, at),
            Self::Turn { lane, turn, at, .. } => keys::due_turn(lane, turn, at),
        }
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
        let item = DueItem::Attempt { org, event: delivery.event, webhook: delivery.webhook, attempt, at };
        // Whoever finds it there already repeats what wrote it.
        self.put_new(&keys::due(delivery, at), &item, None)
    }

    /// P23: a turn that is due, far enough ahead for the sweeper (1 write). A turn that goes into the queue
    /// at once is written as well, for later: should its message be lost, the sweeper sends another.
    pub(crate) fn put_due_turn(
        self,
        org: OrgId,
        lane: Lane,
        (turn, at): (u64, Timestamp),
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let at = if waits_in_the_table(at, now) { at } else { now.plus(QUEUED_WITHIN + SAFE) };
        self.put_new(&keys::due_turn(lane, turn, at), &DueItem::Turn { org, lane, turn, at }, None)
    }
}

/// How far beyond what waits in the queue the sweeper looks after what should not need it.
const SAFE: Duration = Duration::from_mins(1);

impl Table {
    /// P23: the attempts of a minute in one shard, the first that are due first; at most `limit`. One that
    /// cannot be read is left where it is, and holds up no other.
    pub async fn due_in(&self, minute: i64, shard: u8, limit: u16) -> Result<Vec<Due>, StoreError> {
        let items = self.oldest(&keys::due_in(minute, shard), None, limit).await?;
        Ok(readable::<DueItem>(items).map(Into::into).collect())
    }

    /// P23: takes attempts out that are in the queue now.
    pub async fn delete_due(&self, dues: &[Due]) -> Result<(), StoreError> {
        let keys: Vec<_> = dues.iter().map(Due::key).collect();
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
