//! What a call to DynamoDB is charged as, from what it asks: request units, as "Read/write capacity mode" of
//! DynamoDB's developer guide counts them.
//!
//! A request says how large what it writes is, and not how large what it reads or changes is: an update, a
//! delete and each item that is read counts as one that fits into a unit, and a page of a query or a scan as one.

use serde_json::Value;

/// Request units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Of consistent reads, up to 4 KiB each.
    pub reads: u64,
    /// Of writes, up to 1 KiB each; a write in a transaction is two.
    pub writes: u64,
}

impl Units {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { reads: self.reads + other.reads, writes: self.writes + other.writes }
    }

    /// Of a call, by its operation and the body of its request.
    pub(crate) fn of(operation: &str, body: &Value) -> Self {
        match operation {
            "GetItem" | "Query" | "Scan" => Self { reads: 1, writes: 0 },
            "BatchGetItem" => Self { reads: keys_asked_for(body), writes: 0 },
            "PutItem" => Self { reads: 0, writes: write_units(&body["Item"]) },
            "UpdateItem" | "DeleteItem" => Self { reads: 0, writes: 1 },
            "BatchWriteItem" => {
                let tables = body["RequestItems"].as_object().into_iter().flatten();
                let items = tables.flat_map(|(_, items)| items.as_array().into_iter().flatten());
                Self { reads: 0, writes: items.map(|item| write_units(&item["PutRequest"]["Item"])).sum() }
            }
            "TransactWriteItems" => {
                let items = body["TransactItems"].as_array().into_iter().flatten();
                let writes = items.map(|item| 2 * write_units(&item["Put"]["Item"])).sum();
                Self { reads: 0, writes }
            }
            other => panic!("say here what `{other}` is charged as"),
        }
    }
}

fn keys_asked_for(body: &Value) -> u64 {
    let tables = body["RequestItems"].as_object().into_iter().flatten();
    tables.map(|(_, table)| table["Keys"].as_array().map_or(0, |keys| keys.len() as u64)).sum()
}

fn write_units(item: &Value) -> u64 {
    size(item).div_ceil(1024).max(1)
}

/// Names and values, as "DynamoDB item sizes and formats" of the developer guide counts them, within a few bytes.
fn size(item: &Value) -> u64 {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() as u64 + value_size(value)).sum()
}

fn value_size(value: &Value) -> u64 {
    let Some((kind, inside)) = value.as_object().and_then(|object| object.iter().next()) else { return 0 };
    match (kind.as_str(), inside) {
        ("L", Value::Array(items)) => 3 + items.iter().map(|item| 1 + value_size(item)).sum::<u64>(),
        ("M", map) => 3 + size(map),
        ("B", Value::String(base64)) => base64.len() as u64 * 3 / 4,
        ("N", Value::String(digits)) => digits.len() as u64 / 2 + 2,
        (_, Value::String(text)) => text.len() as u64,
        (_, Value::Array(items)) => items.iter().map(|item| item.as_str().map_or(1, str::len) as u64).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn units_are_counted_as_the_developer_guide_says() {
        let long = "x".repeat(1500);
        for (operation, body, reads, writes) in [
            ("GetItem", json!({}), 1, 0),
            ("BatchGetItem", json!({ "RequestItems": { "t": { "Keys": [{}, {}, {}] } } }), 3, 0),
            ("PutItem", json!({ "Item": { "pk": { "S": "a" } } }), 0, 1),
            ("PutItem", json!({ "Item": { "pk": { "S": long } } }), 0, 2),
            ("UpdateItem", json!({}), 0, 1),
            (
                "TransactWriteItems",
                json!({ "TransactItems": [{ "Put": { "Item": { "m": { "M": { "s": { "S": long } } } } } }, { "Delete": {} }] }),
                0,
                6,
            ),
        ] {
            assert_eq!(Units::of(operation, &body), Units { reads, writes }, "{operation}");
        }
    }
}
