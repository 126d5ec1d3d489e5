//! The tables: an embedded `DynamoDB` on `SQLite`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::storage_backend::{Clock, SystemClock};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::{ServiceError, State};
use crate::template::{KeyAttribute, Table};

/// The database and the clock that expiry is judged by.
pub(super) struct DynamoDb {
    database: Database,
    clock: Arc<SweepClock>,
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DynamoDb")
    }
}

impl DynamoDb {
    pub(super) fn open(state: &State) -> Result<DynamoDb, ServiceError> {
        let clock = Arc::new(SweepClock::default());
        let database = match state {
            State::Memory => Database::memory_with_clock(Arc::clone(&clock) as Arc<dyn Clock>),
            State::Directory(path) => Database::new(&path.join("dynamodb.sqlite").to_string_lossy()),
        };
        let database = database.map_err(|error| refused("Open", "the database", &error))?;
        Ok(DynamoDb { database, clock })
    }

    /// The same database, for a server.
    pub(super) fn handle(&self) -> Database {
        self.database.clone()
    }

    /// Makes a table, or checks that the one there has the same shape.
    pub(super) fn make(&self, table: &Table) -> Result<(), ServiceError> {
        let name = table.name();
        let existing = self.database.get_table_metadata(&name);
        let existing = existing.map_err(|error| refused("DescribeTable", &table.id, &error))?;
        if existing.is_none() {
            let request = parsed("CreateTable", table, definition(table))?;
            let made = self.database.create_table(request);
            made.map_err(|error| refused("CreateTable", &table.id, &error))?;
        } else if self.shape_of(table)? != shape(&definition(table)) {
            return Err(ServiceError::TableChanged(table.id.clone()));
        }
        self.set_ttl(table)
    }

    fn shape_of(&self, table: &Table) -> Result<BTreeMap<String, Value>, ServiceError> {
        let request = json!({ "TableName": table.name() });
        let request = parsed("DescribeTable", table, request)?;
        let described = self.database.describe_table(request);
        let described = described.map_err(|error| refused("DescribeTable", &table.id, &error))?;
        let described = serde_json::to_value(described).unwrap_or_default();
        Ok(shape(&described["Table"]))
    }

    fn set_ttl(&self, table: &Table) -> Result<(), ServiceError> {
        let Some(attribute) = &table.ttl_attribute else {
            return Ok(());
        };
        let request = parsed("DescribeTimeToLive", table, json!({ "TableName": table.name() }))?;
        let now = self.database.describe_time_to_live(request);
        let now = now.map_err(|error| refused("DescribeTimeToLive", &table.id, &error))?;
        if now.time_to_live_description.time_to_live_status == "ENABLED" {
            return Ok(());
        }
        let specification = json!({ "AttributeName": attribute, "Enabled": true });
        let request = json!({
            "TableName": table.name(),
            "TimeToLiveSpecification": specification,
        });
        let request = parsed("UpdateTimeToLive", table, request)?;
        let set = self.database.update_time_to_live(request);
        set.map_err(|error| refused("UpdateTimeToLive", &table.id, &error))?;
        Ok(())
    }

    /// Deletes what expired before that second, or before now.
    pub(super) fn sweep(&self, now_unix_seconds: Option<u64>) -> Result<usize, ServiceError> {
        let now = now_unix_seconds.unwrap_or(SweepClock::WALL);
        self.clock.now_unix_seconds.store(now, Ordering::SeqCst);
        let swept = self.database.sweep_ttl();
        self.clock.now_unix_seconds.store(SweepClock::WALL, Ordering::SeqCst);
        swept.map_err(|error| refused("Sweep", "the tables", &error))
    }
}

/// The wall clock, except during a sweep that is told the time.
struct SweepClock {
    now_unix_seconds: AtomicU64,
}

impl SweepClock {
    const WALL: u64 = u64::MAX;
}

impl Default for SweepClock {
    fn default() -> SweepClock {
        SweepClock { now_unix_seconds: AtomicU64::new(SweepClock::WALL) }
    }
}

impl Clock for SweepClock {
    fn now_unix_secs(&self) -> u64 {
        match self.now_unix_seconds.load(Ordering::SeqCst) {
            SweepClock::WALL => SystemClock.now_unix_secs(),
            told => told,
        }
    }

    fn now_unix_secs_f64(&self) -> f64 {
        SystemClock.now_unix_secs_f64()
    }
}

/// The parameters of `CreateTable`.
fn definition(table: &Table) -> Value {
    let attributes = table.attributes.iter();
    let attributes: Value =
        attributes.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind })).collect();
    let mut definition = json!({
        "TableName": table.name(),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema(&table.key),
        "AttributeDefinitions": attributes,
    });
    if !table.indexes.is_empty() {
        let indexes = table.indexes.iter();
        definition["GlobalSecondaryIndexes"] = indexes
            .map(|index| {
                json!({
                    "IndexName": index.name,
                    "KeySchema": schema(&index.key),
                    "Projection": index.projection,
                })
            })
            .collect();
    }
    definition
}

fn schema(key: &[KeyAttribute]) -> Value {
    key.iter()
        .map(|attribute| json!({ "AttributeName": attribute.name, "KeyType": attribute.role }))
        .collect()
}

/// The keys of a table and of its indexes, by name: what may not change.
fn shape(definition: &Value) -> BTreeMap<String, Value> {
    let mut shape = BTreeMap::from([(String::new(), definition["KeySchema"].clone())]);
    let indexes = definition["GlobalSecondaryIndexes"].as_array();
    for index in indexes.into_iter().flatten() {
        let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
        shape.insert(name, index["KeySchema"].clone());
    }
    shape
}

/// The database's own request types, from the JSON that clients would send.
fn parsed<Request: serde::de::DeserializeOwned>(
    operation: &str,
    table: &Table,
    request: Value,
) -> Result<Request, ServiceError> {
    serde_json::from_value(request).map_err(|error| ServiceError::Refused {
        operation: operation.to_owned(),
        resource: table.id.clone(),
        reason: error.to_string().trim_start_matches("VALIDATION:").to_owned(),
    })
}

fn refused(operation: &str, resource: &str, error: &DynoxideError) -> ServiceError {
    ServiceError::Refused {
        operation: operation.to_owned(),
        resource: resource.to_owned(),
        reason: error.to_string(),
    }
}
