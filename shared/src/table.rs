//! The one table. [`keys`] spells every key; this file has the few calls that the stores of the
//! resources are made of; [`error`] says what can go wrong.
//!
//! A store turns one access pattern into one call and back. "Not there" is `None`, never an error.

mod error;
pub mod keys;
mod scan;
mod schema;
mod transaction;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, KeysAndAttributes, Select, WriteRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::StoreError;
pub use keys::Key;
pub use scan::{Position, ScanPage};
pub use transaction::{Cancelled, Transaction};

use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
    entropy: Entropy,
}

impl Table {
    /// The table `name`. Chance is for the tokens of transactions, and for jitter.
    pub fn new(client: Client, name: String, entropy: Entropy) -> Self {
        Self { client, name, entropy }
    }

    fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// Waits before another try, each time longer and never as long as the neighbour; not before the first.
    pub(crate) async fn wait_before(&self, round: u32) -> Result<(), StoreError> {
        if round > 0 {
            let ceiling_ms = 20_f64 * f64::from(1_u32 << round.min(8));
            let jitter = self.entropy.jitter()?.abs();
            tokio::time::sleep(Duration::from_secs_f64(ceiling_ms * jitter / 1000.0)).await;
        }
        Ok(())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the table answers: one read of an item that is not there.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.get_item(&keys::nothing()).await.map(|_| ())
    }

    /// One consistent read of an item as it is.
    pub(crate) async fn get_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// One consistent read.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        self.get_item(key).await?.map(from_item).transpose()
    }

    /// Puts an item that must not be there yet; `false` when it is.
    pub(crate) async fn put_new<T: Serialize>(
        &self,
        key: &Key,
        value: &T,
        expires: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.put_if(key, value, expires, "attribute_not_exists(pk)", HashMap::new()).await
    }

    /// Puts an item where `condition` holds; `false` when it does not.
    pub(crate) async fn put_if<T: Serialize>(
        &self,
        key: &Key,
        value: &T,
        expires: Option<Timestamp>,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(to_item(key, value, expires)?))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .send()
            .await;
        error::unless_refused(answer).map(|put| put.is_some())
    }

    /// Updates an item; `false` when `condition` does not hold.
    pub(crate) async fn update_item(
        &self,
        key: &Key,
        change: &str,
        condition: Option<&str>,
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, StoreError> {
        self.update_named(key, change, condition, &[], values).await
    }

    /// The same. `names` stand for attributes whose names DynamoDB reserves.
    pub(crate) async fn update_named(
        &self,
        key: &Key,
        change: &str,
        condition: Option<&str>,
        names: &[(&str, &str)],
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, StoreError> {
        let names: HashMap<_, _> =
            names.iter().map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect();
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(change)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .send()
            .await;
        error::unless_refused(answer).map(|update| update.is_some())
    }

    /// Deletes an item, if it is there.
    pub(crate) async fn delete_item(&self, key: &Key) -> Result<(), StoreError> {
        self.client.delete_item().table_name(&self.name).set_key(Some(key.attributes())).send().await?;
        Ok(())
    }

    /// Deletes items, whether they are there or not, 25 in a call. Those that DynamoDB leaves unprocessed are
    /// deleted again, a few times.
    pub(crate) async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        const TRIES: u32 = 6;
        for chunk in keys.chunks(25) {
            let delete = |key: &Key| {
                let delete = DeleteRequest::builder().set_key(Some(key.attributes())).build()?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            };
            let mut left = chunk.iter().map(delete).collect::<Result<Vec<_>, StoreError>>()?;
            for round in 0..TRIES {
                self.wait_before(round).await?;
                let answer = self.client.batch_write_item().request_items(&self.name, left).send().await?;
                left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(StoreError::throttled());
            }
        }
        Ok(())
    }

    /// One page of the items of a partition whose sort keys begin as `first` does, the newest
    /// first, after `after`. It is full if there are enough: DynamoDB cuts an answer at 1 MB.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        first: &Key,
        after: Option<&Key>,
        limit: u16,
    ) -> Result<Vec<T>, StoreError> {
        self.in_order(first, after, limit, false).await
    }

    /// The same, the oldest first.
    pub(crate) async fn oldest<T: DeserializeOwned>(
        &self,
        first: &Key,
        after: Option<&Key>,
        limit: u16,
    ) -> Result<Vec<T>, StoreError> {
        self.in_order(first, after, limit, true).await
    }

    async fn in_order<T: DeserializeOwned>(
        &self,
        first: &Key,
        after: Option<&Key>,
        limit: u16,
        oldest_first: bool,
    ) -> Result<Vec<T>, StoreError> {
        let mut items = Vec::new();
        let mut start = after.map(Key::attributes);
        loop {
            let missing = usize::from(limit).saturating_sub(items.len());
            let answer = self
                .query(first)
                .set_exclusive_start_key(start)
                .scan_index_forward(oldest_first)
                .limit(i32::try_from(missing).unwrap_or(i32::MAX))
                .send()
                .await?;
            for item in answer.items.unwrap_or_default() {
                items.push(from_item(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || items.len() >= usize::from(limit) {
                return Ok(items);
            }
        }
    }

    /// A consistent query for the items of a partition whose sort keys begin as `first` does.
    fn query(&self, first: &Key) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", first.pk_value())
            .expression_attribute_values(":sk", first.sk_value())
            .consistent_read(true)
    }

    /// Every item of a partition whose sort key begins as `first` does, the oldest first. For what
    /// is bounded: the answer is read to its end.
    pub(crate) async fn all<T: DeserializeOwned>(&self, first: &Key) -> Result<Vec<T>, StoreError> {
        self.all_by(first, |query| query).await
    }

    /// The same, with no more of each item than some attributes: what it costs is the same, what has to be
    /// carried and read is not.
    pub(crate) async fn all_with<T: DeserializeOwned>(
        &self,
        first: &Key,
        attributes: &[&str],
    ) -> Result<Vec<T>, StoreError> {
        // The form of an item is told by the first three.
        let names: Vec<_> = ["pk", "sk", "schema"].iter().chain(attributes).collect();
        let of = |place: usize| format!("#a{place}");
        let projection = (0..names.len()).map(of).collect::<Vec<_>>().join(", ");
        let stand_for: HashMap<_, _> =
            names.iter().enumerate().map(|(place, name)| (of(place), (**name).to_owned())).collect();
        let with = |query: QueryFluentBuilder| {
            query.projection_expression(&projection).set_expression_attribute_names(Some(stand_for.clone()))
        };
        self.all_by(first, with).await
    }

    async fn all_by<T: DeserializeOwned>(
        &self,
        first: &Key,
        change: impl Fn(QueryFluentBuilder) -> QueryFluentBuilder,
    ) -> Result<Vec<T>, StoreError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let answer = change(self.query(first)).set_exclusive_start_key(start).send().await?;
            for item in answer.items.unwrap_or_default() {
                items.push(from_item(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// How many items a partition has whose sort keys begin as `first` does, as far as `limit`.
    pub(crate) async fn count(&self, first: &Key, limit: usize) -> Result<usize, StoreError> {
        let (mut count, mut start) = (0, None);
        loop {
            let left = i32::try_from(limit.saturating_sub(count)).unwrap_or(i32::MAX);
            let query = self.query(first).select(Select::Count).limit(left).set_exclusive_start_key(start);
            let answer = query.send().await?;
            count += usize::try_from(answer.count).unwrap_or(0);
            start = answer.last_evaluated_key;
            if start.is_none() || count >= limit {
                return Ok(count);
            }
        }
    }

    /// Several consistent reads in one call (100 at a time), in the order of the keys. Keys that
    /// DynamoDB leaves unprocessed are asked for again, a few times.
    pub(crate) async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let mut found: HashMap<Key, Item> = HashMap::new();
        for chunk in keys.chunks(100) {
            let mut wanted: Vec<Item> = Vec::new();
            for key in chunk {
                let attributes = key.attributes();
                if !wanted.contains(&attributes) {
                    wanted.push(attributes);
                }
            }
            self.collect(wanted, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn collect(&self, mut wanted: Vec<Item>, found: &mut HashMap<Key, Item>) -> Result<(), StoreError> {
        const TRIES: u32 = 6;
        for round in 0..TRIES {
            if wanted.is_empty() {
                return Ok(());
            }
            self.wait_before(round).await?;
            let request =
                KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build()?;
            let answer = self.client.batch_get_item().request_items(&self.name, request).send().await?;
            for item in answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default() {
                if let Some(key) = Key::of_item(&item) {
                    found.insert(key, item);
                }
            }
            wanted = answer
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.name)
                .map(|left| left.keys)
                .unwrap_or_default();
        }
        if wanted.is_empty() { Ok(()) } else { Err(StoreError::throttled()) }
    }
}

/// An item of `value` under `key`. `expires` is when DynamoDB may clean it up: never a rule, since
/// it may stay for days.
pub(crate) fn to_item<T: Serialize>(
    key: &Key,
    value: &T,
    expires: Option<Timestamp>,
) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value)?;
    item.extend(key.attributes());
    item.insert("schema".to_owned(), AttributeValue::N(schema::SCHEMA.to_string()));
    if let Some(expires) = expires {
        item.insert("expires".to_owned(), AttributeValue::N(expires.seconds().to_string()));
    }
    Ok(item)
}

/// The value of an item, whichever version it was written in.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    Ok(serde_dynamo::from_item(schema::upcast(item))?)
}

/// Those of `items` that can be read, for tasks that must not stop at one which cannot: it goes to the log.
pub(crate) fn readable<T: DeserializeOwned>(items: Vec<serde_json::Value>) -> impl Iterator<Item = T> {
    items.into_iter().filter_map(|item| {
        let (pk, sk) = (item["pk"].to_string(), item["sk"].to_string());
        let read = serde_json::from_value(item);
        read.inspect_err(
            |error| tracing::error!(%error, pk, sk, "an item cannot be read, and is passed over"),
        )
        .ok()
    })
}

/// A number as an attribute.
pub(crate) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}
