//! Several writes that happen together or not at all.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use serde::Serialize;

use super::{Key, StoreError, Table, to_item};
use crate::clock::Timestamp;

/// The conditions that were not met: the places, in the order of the writes.
#[derive(Debug, PartialEq, Eq)]
pub struct Cancelled(pub Vec<usize>);

/// Writes to be made together: at most 100.
pub struct Transaction<'a> {
    table: &'a Table,
    items: Vec<TransactWriteItem>,
}

impl Table {
    /// An empty transaction.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction { table: self, items: Vec::new() }
    }
}

impl Transaction<'_> {
    /// Puts an item that must not be there yet.
    pub(crate) fn put_new<T: Serialize>(
        self,
        key: &Key,
        value: &T,
        expires: Option<Timestamp>,
    ) -> Result<Self, StoreError> {
        self.put_if(key, value, expires, "attribute_not_exists(pk)", HashMap::new())
    }

    /// Puts an item where `condition` holds.
    pub(crate) fn put_if<T: Serialize>(
        mut self,
        key: &Key,
        value: &T,
        expires: Option<Timestamp>,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(to_item(key, value, expires)?))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()?;
        self.items.push(TransactWriteItem::builder().put(put).build());
        Ok(self)
    }

    /// Updates an item where `condition` holds. `names` stand for attributes whose names DynamoDB reserves.
    pub(crate) fn update(
        self,
        key: &Key,
        change: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        self.update_where(key, change, Some(condition), names, values)
    }

    /// Updates an item, or makes it.
    pub(crate) fn update_always(
        self,
        key: &Key,
        change: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        self.update_where(key, change, None, &[], values)
    }

    fn update_where(
        mut self,
        key: &Key,
        change: &str,
        condition: Option<&str>,
        names: &[(&str, &str)],
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(key.attributes()))
            .update_expression(change)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names(stands_for(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()?;
        self.items.push(TransactWriteItem::builder().update(update).build());
        Ok(self)
    }

    /// Writes the attributes of `value` into an item where `condition` holds, takes those of `optional`
    /// away that it has not, and leaves all others as they are.
    pub(crate) fn change<T: Serialize>(
        self,
        key: &Key,
        value: &T,
        optional: &[&str],
        condition: &str,
        mut values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        let mut item = to_item(key, value, None)?;
        item.retain(|name, _| name != "pk" && name != "sk");
        let gone: Vec<_> = optional.iter().copied().filter(|name| !item.contains_key(*name)).collect();
        let attributes: Vec<String> = item.keys().cloned().collect();
        let places: Vec<String> =
            (0..attributes.len() + gone.len()).map(|place| format!("#c{place}")).collect();
        let mut sets = Vec::new();
        for (place, attribute) in attributes.iter().enumerate() {
            if let Some(value) = item.remove(attribute) {
                sets.push(format!("#c{place} = :c{place}"));
                values.insert(format!(":c{place}"), value);
            }
        }
        let mut change = format!("SET {}", sets.join(", "));
        if !gone.is_empty() {
            let _ = write!(change, " REMOVE {}", places[attributes.len()..].join(", "));
        }
        let named = attributes.iter().map(String::as_str).chain(gone);
        let names: Vec<_> = places.iter().map(String::as_str).zip(named).collect();
        self.update(key, &change, condition, &names, values)
    }

    /// Deletes an item that has to be there.
    pub(crate) fn delete(self, key: &Key) -> Result<Self, StoreError> {
        self.delete_if(key, "attribute_exists(pk)", &[], HashMap::new())
    }

    /// Deletes an item where `condition` holds.
    pub(crate) fn delete_if(
        mut self,
        key: &Key,
        condition: &str,
        names: &[(&str, &str)],
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        let delete = Delete::builder()
            .table_name(self.table.name())
            .set_key(Some(key.attributes()))
            .condition_expression(condition)
            .set_expression_attribute_names(stands_for(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()?;
        self.items.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    /// Writes nothing there, and refuses the whole where `condition` does not hold.
    pub(crate) fn check(
        mut self,
        key: &Key,
        condition: &str,
        names: &[(&str, &str)],
        values: HashMap<String, AttributeValue>,
    ) -> Result<Self, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(key.attributes()))
            .condition_expression(condition)
            .set_expression_attribute_names(stands_for(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()?;
        self.items.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }

    /// How many writes there are: the place that the next one will have.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Writes all of it, or nothing. A conflict with another writer is tried again a few times. All
    /// tries carry one token: one whose answer was lost and its repetition write once.
    pub async fn commit(self) -> Result<Result<(), Cancelled>, StoreError> {
        const TRIES: u32 = 5;
        let token = format!("{:032x}", u128::from_le_bytes(self.table.entropy().bytes()?));
        for round in 0..TRIES {
            self.table.wait_before(round).await?;
            let answer = self
                .table
                .client()
                .transact_write_items()
                .client_request_token(&token)
                .set_transact_items(Some(self.items.clone()))
                .send()
                .await;
            let Err(error) = answer else { return Ok(Ok(())) };
            match reasons(error.as_service_error()) {
                Some(refused) if !refused.is_empty() => return Ok(Err(Cancelled(refused))),
                Some(_) => {}
                None => return Err(error.into()),
            }
        }
        Err(StoreError::Contended)
    }
}

fn stands_for(names: &[(&str, &str)]) -> Option<HashMap<String, String>> {
    let names: HashMap<_, _> =
        names.iter().map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect();
    (!names.is_empty()).then_some(names)
}

/// Which conditions were not met. An empty list is a conflict with another writer; `None` is an
/// error of another kind, throttling among them.
fn reasons(error: Option<&TransactWriteItemsError>) -> Option<Vec<usize>> {
    match error? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons();
            let known = |code: Option<&str>| {
                matches!(code, None | Some("None" | "ConditionalCheckFailed" | "TransactionConflict"))
            };
            reasons.iter().all(|reason| known(reason.code())).then(|| {
                reasons
                    .iter()
                    .enumerate()
                    .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
                    .map(|(place, _)| place)
                    .collect()
            })
        }
        TransactWriteItemsError::TransactionInProgressException(_) => Some(Vec::new()),
        _ => None,
    }
}
