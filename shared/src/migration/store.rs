//! P30 to P32: a run, how far it has come, and what it found out. Progress is written together with the lease: whoever
//! has lost it writes nothing.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Counts, LEASE, Migration, Run, Segment};
use crate::clock::{Timestamp, millis};
use crate::secret::Unused;
use crate::table::{Position, StoreError, Table, Transaction, keys, number};

#[derive(Serialize, Deserialize)]
struct RunItem {
    migration: Migration,
    dry_run: bool,
    #[serde(with = "millis")]
    began_at: Timestamp,
    segments: u16,
    pass: u16,
    #[serde(with = "millis")]
    pass_began_at: Timestamp,
    kids: Vec<String>,
    before: Counts,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    holder: String,
    #[serde(with = "millis")]
    leased_until: Timestamp,
}

impl From<RunItem> for Run {
    fn from(item: RunItem) -> Self {
        Self {
            migration: item.migration,
            dry_run: item.dry_run,
            began_at: item.began_at,
            segments: item.segments,
            pass: item.pass,
            pass_began_at: item.pass_began_at,
            kids: item.kids,
            before: item.before,
            ended_at: item.ended_at,
            holder: item.holder,
            leased_until: item.leased_until,
        }
    }
}

impl From<&Run> for RunItem {
    fn from(run: &Run) -> Self {
        Self {
            migration: run.migration,
            dry_run: run.dry_run,
            began_at: run.began_at,
            segments: run.segments,
            pass: run.pass,
            pass_began_at: run.pass_began_at,
            kids: run.kids.clone(),
            before: run.before.clone(),
            ended_at: run.ended_at,
            holder: run.holder.clone(),
            leased_until: run.leased_until,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SegmentItem {
    /// Of which run and pass: what another one left behind counts for nothing.
    #[serde(with = "millis")]
    began_at: Timestamp,
    pass: u16,
    number: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Position>,
    ended: bool,
    counts: Counts,
}

#[derive(Serialize, Deserialize)]
struct UnusedItem {
    kid: String,
    #[serde(with = "millis")]
    found_at: Timestamp,
}

type Values = HashMap<String, AttributeValue>;

fn values<const N: usize>(values: [(&str, AttributeValue); N]) -> Values {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// That the run is still the one at hand, in the same pass, and its holder's.
const OURS: &str =
    "holder = :holder AND began_at = :began AND pass = :pass AND attribute_not_exists(ended_at)";

fn ours(run: &Run) -> Values {
    values([
        (":holder", AttributeValue::S(run.holder.clone())),
        (":began", number(run.began_at.millis())),
        (":pass", number(run.pass)),
    ])
}

impl Table {
    /// P30: the last run of that name.
    pub async fn migration_run(&self, name: &str) -> Result<Option<Run>, StoreError> {
        let item: Option<RunItem> = self.get(&keys::migration(name)).await?;
        Ok(item.map(Into::into))
    }

    /// P30: puts a run in the place of the one that was `seen`, whether that is a new run or the same one in other
    /// hands; `false` when somebody else was faster.
    pub async fn put_migration_run(&self, run: &Run, seen: Option<&Run>) -> Result<bool, StoreError> {
        let (condition, values) = match seen {
            None => ("attribute_not_exists(pk)", Values::new()),
            Some(seen) => {
                let values = values([
                    (":holder", AttributeValue::S(seen.holder.clone())),
                    (":until", number(seen.leased_until.millis())),
                    (":began", number(seen.began_at.millis())),
                ]);
                ("holder = :holder AND leased_until = :until AND began_at = :began", values)
            }
        };
        self.put_if(&keys::migration(run.name()), &RunItem::from(run), None, condition, values).await
    }

    /// P31: how far each segment has come in the pass that the run is in.
    pub async fn migration_segments(&self, run: &Run) -> Result<Vec<Segment>, StoreError> {
        let items: Vec<SegmentItem> = self.all(&keys::migration_segments(run.name())).await?;
        let mut segments: Vec<_> = (0..run.segments).map(Segment::new).collect();
        for item in items.into_iter().filter(|item| (item.began_at, item.pass) == (run.began_at, run.pass)) {
            if let Some(segment) = segments.get_mut(usize::from(item.number)) {
                let SegmentItem { number, next, ended, counts, .. } = item;
                *segment = Segment { number, next, ended, counts };
            }
        }
        Ok(segments)
    }

    /// P30, P31: writes how far segments have come, and extends the lease; `false` when the run is in other hands.
    pub async fn save_migration(
        &self,
        run: &Run,
        segments: &[Segment],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut values = ours(run);
        values.insert(":until".to_owned(), number(now.plus(LEASE).millis()));
        let key = keys::migration(run.name());
        let mut transaction =
            self.transaction().update(&key, "SET leased_until = :until", OURS, &[], values)?;
        for segment in segments {
            transaction = transaction.put_segment(run, segment)?;
        }
        Ok(transaction.commit().await?.is_ok())
    }

    /// P30, P32: the next pass, or the end: `next` is the run after the pass that `run` was in, and `unused` the keys
    /// that this one found nothing under; `false` when the run is in other hands.
    pub async fn end_migration_pass(
        &self,
        run: &Run,
        next: &Run,
        unused: &[&str],
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction().put_if(
            &keys::migration(run.name()),
            &RunItem::from(next),
            None,
            OURS,
            ours(run),
        )?;
        for kid in unused {
            let item = UnusedItem { kid: (*kid).to_owned(), found_at: run.pass_began_at };
            let values = values([(":found", number(run.pass_began_at.millis()))]);
            let condition = "attribute_not_exists(pk) OR found_at <= :found";
            transaction = transaction.put_if(&keys::unused_key(kid), &item, None, condition, values)?;
        }
        Ok(transaction.commit().await?.is_ok())
    }

    /// P30: gives the run out of hand, so that the next one need not wait until the lease is over.
    pub async fn release_migration(&self, run: &Run) -> Result<(), StoreError> {
        let mut values = ours(run);
        values.insert(":until".to_owned(), number(0));
        let key = keys::migration(run.name());
        self.update_item(&key, "SET leased_until = :until", Some(OURS), values).await.map(drop)
    }

    /// P32: the keys under which nothing is sealed any more, each with the beginning of the first pass that found so.
    pub async fn unused_keys(&self) -> Result<Unused, StoreError> {
        let items: Vec<UnusedItem> = self.all(&keys::unused_keys()).await?;
        Ok(items.into_iter().map(|item| (item.kid, item.found_at)).collect())
    }

    /// P32: something is sealed under a key after all: the table was brought back to an earlier state, most likely.
    pub async fn forget_unused_key(&self, kid: &str) -> Result<(), StoreError> {
        self.delete_item(&keys::unused_key(kid)).await
    }
}

impl Transaction<'_> {
    /// P31 (1 write). The lease is checked beside it.
    fn put_segment(self, run: &Run, segment: &Segment) -> Result<Self, StoreError> {
        let item = SegmentItem {
            began_at: run.began_at,
            pass: run.pass,
            number: segment.number,
            next: segment.next.clone(),
            ended: segment.ended,
            counts: segment.counts.clone(),
        };
        let values = values([(":began", number(run.began_at.millis()))]);
        let condition = "attribute_not_exists(pk) OR began_at <= :began";
        self.put_if(&keys::migration_segment(run.name(), segment.number), &item, None, condition, values)
    }
}
