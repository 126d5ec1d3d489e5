//! P15 and P16: the head of an organisation's chain, and its records.
//!
//! The head serialises those who write: each of them adds to the head that it has read, or reads again.
//! One partition holds a log, since the head allows fewer writes than a partition does.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::chain::BEGINNING;
use super::model::{Entry, Record};
use crate::id::OrgId;
use crate::table::{Cancelled, Item, StoreError, Table, Transaction, from_item, keys, number};

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records there are.
    pub sequence: u64,
    /// `hash` of the last.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { sequence: 0, hash: BEGINNING.to_owned() }
    }
}

/// The texts of a record are those of its JSON; the table holds it as such, so that what was hashed is
/// what is read.
#[derive(Serialize, Deserialize)]
struct RecordItem {
    record: String,
}

fn record_of(item: RecordItem) -> Result<Record, StoreError> {
    serde_json::from_str(&item.record).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Of an item that was read with others.
pub(crate) fn head_of(item: Option<Item>) -> Result<Head, StoreError> {
    item.map_or_else(|| Ok(Head::default()), from_item)
}

impl Table {
    /// P15: the end of an organisation's chain.
    pub async fn audit_head(&self, org: OrgId) -> Result<Head, StoreError> {
        head_of(self.get_item(&keys::audit_head(org)).await?)
    }

    /// P16: a page of records, the newest first, before the one of `before`.
    pub async fn audit_page(
        &self,
        org: OrgId,
        before: Option<u64>,
        limit: u16,
    ) -> Result<Vec<Record>, StoreError> {
        let before = before.map(|sequence| keys::audit_record(org, sequence));
        let items: Vec<RecordItem> = self.page(&keys::audit_records(org), before.as_ref(), limit).await?;
        items.into_iter().map(record_of).collect()
    }

    /// P16: records, the oldest first, after the one of `after`.
    pub async fn audit_after(&self, org: OrgId, after: u64, limit: u16) -> Result<Vec<Record>, StoreError> {
        let places: Vec<_> = (after + 1..=after + u64::from(limit))
            .map(|sequence| keys::audit_record(org, sequence))
            .collect();
        let items = self.get_many(&places).await?;
        items.into_iter().flatten().map(|item| from_item(item).and_then(record_of)).collect()
    }

    /// P15 and P16: commits what `build` makes together with the records of `entries`: all of it or
    /// nothing. `build` is called again when somebody else wrote a record meanwhile. `Err` holds the
    /// conditions of what was built that were not met; then there is no record either.
    pub async fn commit_audited<'a>(
        &'a self,
        org: OrgId,
        entries: &[Entry],
        build: impl Fn() -> Result<Transaction<'a>, StoreError>,
    ) -> Result<Result<(), Cancelled>, StoreError> {
        self.commit_within(16, org, entries, build).await
    }

    /// The same for what takes something away: it does not wait for a log that many write to at once. Where
    /// the log stays busy, what `build` makes is committed alone, and its records follow as soon as they can.
    pub async fn commit_urgent<'a>(
        &'a self,
        org: OrgId,
        entries: &[Entry],
        build: impl Fn() -> Result<Transaction<'a>, StoreError>,
    ) -> Result<Result<(), Cancelled>, StoreError> {
        match self.commit_within(4, org, entries, &build).await {
            Err(StoreError::Contended) => {}
            done => return done,
        }
        let done = build()?.commit().await?;
        if done.is_ok() {
            for entry in entries {
                self.note_audit(org, entry).await;
            }
        }
        Ok(done)
    }

    /// P15 and P16: a record of something that is so already, or came to nothing: nobody waits for it long,
    /// and nothing depends on it.
    pub async fn note_audit(&self, org: OrgId, entry: &Entry) {
        let entries = std::slice::from_ref(entry);
        let noted = self.commit_within(4, org, entries, || Ok(self.transaction())).await;
        if !matches!(noted, Ok(Ok(()))) {
            tracing::error!(organization = %org, action = entry.action.as_str(), "something is not on record: the audit log is busy or away");
        }
    }

    async fn commit_within<'a>(
        &'a self,
        tries: u32,
        org: OrgId,
        entries: &[Entry],
        build: impl Fn() -> Result<Transaction<'a>, StoreError>,
    ) -> Result<Result<(), Cancelled>, StoreError> {
        for round in 0..tries {
            self.wait_before(round).await?;
            let head = self.audit_head(org).await?;
            let transaction = build()?;
            let first = transaction.len();
            match transaction.audit(org, &head, entries)?.commit().await {
                Ok(Err(Cancelled(places))) if places.iter().any(|place| *place < first) => {
                    return Ok(Err(Cancelled(places.into_iter().filter(|place| *place < first).collect())));
                }
                // Another writer was faster.
                Ok(Err(Cancelled(_))) | Err(StoreError::Contended) => {}
                done => return done,
            }
        }
        Err(StoreError::Contended)
    }

    /// P15 and P16: a record of something that wrote nothing else.
    pub async fn append_audit(&self, org: OrgId, entry: &Entry) -> Result<(), StoreError> {
        let entries = std::slice::from_ref(entry);
        match self.commit_audited(org, entries, || Ok(self.transaction())).await? {
            Ok(()) => Ok(()),
            Err(Cancelled(_)) => Err(StoreError::Contended),
        }
    }
}

impl Transaction<'_> {
    /// P15 and P16: records after `head`.
    fn audit(self, org: OrgId, head: &Head, entries: &[Entry]) -> Result<Self, StoreError> {
        let mut records: Vec<Record> = Vec::new();
        for entry in entries {
            let last = records.last();
            let (sequence, hash) =
                last.map_or((head.sequence, &head.hash), |record| (record.sequence, &record.hash));
            records.push(Record::after(sequence + 1, hash, entry.clone()));
        }
        let Some(last) = records.last() else { return Ok(self) };
        let number_of = |sequence: u64| number(i64::try_from(sequence).unwrap_or(i64::MAX));
        let mut values = HashMap::from([
            (":sequence".to_owned(), number_of(last.sequence)),
            (":hash".to_owned(), AttributeValue::S(last.hash.clone())),
        ]);
        let condition = if head.sequence == 0 {
            "attribute_not_exists(pk)"
        } else {
            values.insert(":previous".to_owned(), AttributeValue::S(head.hash.clone()));
            "#hash = :previous"
        };
        let names: &[(&str, &str)] = &[("#hash", "hash"), ("#sequence", "sequence")];
        let change = "SET #sequence = :sequence, #hash = :hash";
        let mut transaction = self.update(&keys::audit_head(org), change, condition, names, values)?;
        for record in &records {
            let text =
                serde_json::to_string(record).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let item = RecordItem { record: text };
            transaction = transaction.put_new(&keys::audit_record(org, record.sequence), &item, None)?;
        }
        Ok(transaction)
    }
}
