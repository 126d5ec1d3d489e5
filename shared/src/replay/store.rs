//! P29: replays, and P10 and P12 as they read them, the oldest first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Progress, Replay, What};
use crate::clock::{Timestamp, millis};
use crate::id::{EventId, OrgId, ReplayId, WebhookId};
use crate::lane::Lane;
use crate::table::{StoreError, Table, Transaction, keys, number};
use crate::webhook::EventPattern;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Running,
    Done,
    Cancelled,
}

#[derive(Serialize, Deserialize)]
struct ReplayItem {
    replay: ReplayId,
    org: OrgId,
    webhook: WebhookId,
    what: What,
    #[serde(with = "millis")]
    since: Timestamp,
    #[serde(with = "millis")]
    until: Timestamp,
    types: Vec<EventPattern>,
    dry_run: bool,
    rate: u32,
    standing: Standing,
    /// When it goes on or, of one that has ended, when it did.
    #[serde(with = "millis")]
    at: Timestamp,
    turn: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<EventId>,
    examined: u64,
    matched: u64,
}

impl From<ReplayItem> for Replay {
    fn from(item: ReplayItem) -> Self {
        let at = item.at;
        Self {
            id: item.replay,
            org: item.org,
            webhook: item.webhook,
            what: item.what,
            since: item.since,
            until: item.until,
            types: item.types,
            dry_run: item.dry_run,
            rate: item.rate,
            progress: match item.standing {
                Standing::Running => Progress::Running { due: at },
                Standing::Done => Progress::Done { at },
                Standing::Cancelled => Progress::Cancelled { at },
            },
            turn: item.turn,
            after: item.after,
            examined: item.examined,
            matched: item.matched,
        }
    }
}

impl From<&Replay> for ReplayItem {
    fn from(replay: &Replay) -> Self {
        let replay = replay.clone();
        let (standing, at) = match replay.progress {
            Progress::Running { due } => (Standing::Running, due),
            Progress::Done { at } => (Standing::Done, at),
            Progress::Cancelled { at } => (Standing::Cancelled, at),
        };
        Self {
            replay: replay.id,
            org: replay.org,
            webhook: replay.webhook,
            what: replay.what,
            since: replay.since,
            until: replay.until,
            types: replay.types,
            dry_run: replay.dry_run,
            rate: replay.rate,
            standing,
            at,
            turn: replay.turn,
            after: replay.after,
            examined: replay.examined,
            matched: replay.matched,
        }
    }
}

fn running_as_it_was(turn: u64) -> (&'static str, HashMap<String, AttributeValue>) {
    let values = HashMap::from([
        (":turn".to_owned(), AttributeValue::N(turn.to_string())),
        (":running".to_owned(), AttributeValue::S("running".to_owned())),
    ]);
    ("turn = :turn AND standing = :running", values)
}

impl Table {
    /// P29: a replay that is still kept.
    pub async fn replay(
        &self,
        org: OrgId,
        id: ReplayId,
        now: Timestamp,
    ) -> Result<Option<Replay>, StoreError> {
        let item: Option<ReplayItem> = self.get(&keys::replay(org, id)).await?;
        Ok(item.map(Replay::from).filter(|replay| now < replay.id.made_at().plus(Replay::KEPT)))
    }

    /// P29: takes the turn that was read, alone until `until` (1 write); `false` where somebody has it.
    pub async fn claim_replay(
        &self,
        replay: &Replay,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let (unchanged, mut values) = running_as_it_was(replay.turn);
        let free = format!("{unchanged} AND (attribute_not_exists(claimed_until) OR claimed_until < :now)");
        values.insert(":now".to_owned(), number(now.millis()));
        values.insert(":until".to_owned(), number(until.millis()));
        let key = keys::replay(replay.org, replay.id);
        self.update_item(&key, "SET claimed_until = :until", Some(&free), values).await
    }

    /// P29 and P23: the replay after a turn, with the next one in the table (2 writes, or 1); `false` where it
    /// was cancelled, or somebody else has ended the turn.
    pub async fn end_replay_turn(
        &self,
        turn: u64,
        after: &Replay,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (unchanged, values) = running_as_it_was(turn);
        let (key, item) = (keys::replay(after.org, after.id), ReplayItem::from(after));
        let expires = Some(after.id.made_at().plus(Replay::KEPT));
        let transaction = self.transaction().put_if(&key, &item, expires, unchanged, values)?;
        let transaction = match after.progress {
            Progress::Running { due } => {
                transaction.put_due_turn(after.org, Lane::Replay(after.id), (after.turn, due), now)?
            }
            Progress::Done { .. } | Progress::Cancelled { .. } => transaction,
        };
        Ok(transaction.commit().await?.is_ok())
    }
}

impl Transaction<'_> {
    /// P29 and P23: a new replay, with its first turn in the table (2 writes).
    pub fn put_replay(self, replay: &Replay, now: Timestamp) -> Result<Self, StoreError> {
        let expires = Some(replay.id.made_at().plus(Replay::KEPT));
        let key = keys::replay(replay.org, replay.id);
        self.put_new(&key, &ReplayItem::from(replay), expires)?.put_due_turn(
            replay.org,
            Lane::Replay(replay.id),
            (replay.turn, now),
            now,
        )
    }

    /// P29: a replay that goes on no more (1 write). Refused when it has ended.
    pub fn cancel_replay(self, replay: &Replay, now: Timestamp) -> Result<Self, StoreError> {
        let change = "SET standing = :cancelled, #at = :at";
        let values = HashMap::from([
            (":cancelled".to_owned(), AttributeValue::S("cancelled".to_owned())),
            (":running".to_owned(), AttributeValue::S("running".to_owned())),
            (":at".to_owned(), number(now.millis())),
        ]);
        let key = keys::replay(replay.org, replay.id);
        self.update(&key, change, "standing = :running", &[("#at", "at")], values)
    }
}
