//! A type as callers see it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::event_type::RegisteredType;
use shared::name::Description;
use shared::problem::Problem;
use shared::webhook::EventType;

/// A type of event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RegisteredEventType")]
pub(crate) struct View {
    name: EventType,
    description: Option<Description>,
    /// What `data` looks like: JSON Schema 2020-12, as you wrote it.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    schema: Option<Box<RawValue>>,
    /// Whether data that does not match is refused.
    enforce: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<RegisteredType> for View {
    type Error = Problem;

    fn try_from(registered: RegisteredType) -> Result<Self, Problem> {
        let schema = registered.schema.map(|text| RawValue::from_string(text.as_str().to_owned()));
        Ok(Self {
            name: registered.name,
            description: registered.description,
            schema: schema.transpose().map_err(|error| Problem::internal(&error))?,
            enforce: registered.enforce,
            created_at: registered.created_at,
            updated_at: registered.updated_at,
        })
    }
}

impl View {
    pub(crate) fn example() -> Value {
        json!({
            "name": "invoice.paid",
            "description": "An invoice was paid in full",
            "schema": { "type": "object", "required": ["invoice"] },
            "enforce": true,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        })
    }
}
