//! A look through the whole table, in segments. The migrator's role alone may make one.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::{Item, Key, StoreError, Table};

/// Where a segment goes on: a key that DynamoDB gave; nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Place", into = "Place")]
pub struct Position(Key);

#[derive(Serialize, Deserialize)]
struct Place {
    pk: String,
    sk: String,
}

impl From<Position> for Place {
    fn from(Position(key): Position) -> Self {
        let text = |value: AttributeValue| value.as_s().cloned().unwrap_or_default();
        Self { pk: text(key.pk_value()), sk: text(key.sk_value()) }
    }
}

impl TryFrom<Place> for Position {
    type Error = &'static str;

    fn try_from(Place { pk, sk }: Place) -> Result<Self, &'static str> {
        let text = |name: &str, value| (name.to_owned(), AttributeValue::S(value));
        Key::of_item(&Item::from([text("pk", pk), text("sk", sk)])).map(Self).ok_or("no key")
    }
}

/// What one call of a scan gives.
#[derive(Debug)]
pub struct ScanPage {
    /// The items that pass the filter.
    pub items: Vec<Item>,
    /// Where the segment goes on; `None` at its end.
    pub next: Option<Position>,
    /// How many items were looked at.
    pub scanned: u64,
    /// How many units of read capacity that took.
    pub units: f64,
}

impl Table {
    /// One page of a segment of the table: at most `limit` items are looked at, and those that pass `filter` given.
    pub(crate) async fn scan_segment(
        &self,
        (segment, of): (u16, u16),
        from: Option<&Position>,
        (filter, values): (&str, HashMap<String, AttributeValue>),
        limit: u16,
    ) -> Result<ScanPage, StoreError> {
        let answer = self
            .client()
            .scan()
            .table_name(self.name())
            .segment(segment.into())
            .total_segments(of.into())
            .set_exclusive_start_key(from.map(|Position(key)| key.attributes()))
            .filter_expression(filter)
            .set_expression_attribute_values(Some(values))
            .limit(limit.into())
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let next = match &answer.last_evaluated_key {
            None => None,
            Some(key) => {
                let key = Key::of_item(key);
                Some(Position(key.ok_or_else(|| StoreError::Corrupt("a scan gave no key".to_owned()))?))
            }
        };
        let units = answer.consumed_capacity.and_then(|consumed| consumed.capacity_units);
        Ok(ScanPage {
            scanned: u64::try_from(answer.scanned_count).unwrap_or(0),
            next,
            units: units.unwrap_or_default(),
            items: answer.items.unwrap_or_default(),
        })
    }
}
