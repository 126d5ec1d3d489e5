//! What a type that is written down says.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::{Timestamp, millis};
use crate::id::OrgId;
use crate::name::Description;
use crate::problem::Violation;
use crate::webhook::EventType;

/// A JSON Schema as its owner wrote it. Whether it is one is decided where it is compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaText(String);

impl SchemaText {
    /// A type is one item of the table, and a page of a list has a hundred.
    const BYTES_MAX: usize = 32 * 1024;

    /// The JSON of a field.
    pub fn read(json: &RawValue) -> Result<Self, Violation> {
        if !json.get().starts_with('{') {
            return Err(Violation::new("wrong_type", "expected an object"));
        }
        if json.get().len() > Self::BYTES_MAX {
            return Err(Violation::new("too_long", format!("has more than {} bytes", Self::BYTES_MAX)));
        }
        Ok(Self(json.get().to_owned()))
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A type of event that an organisation has written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredType {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub name: EventType,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// What its data looks like. (`schema` is what every item says of itself.)
    #[serde(rename = "json_schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaText>,
    /// Whether data that looks otherwise is refused.
    #[serde(default)]
    pub enforce: bool,
    /// When it was written down.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u32,
}

impl RegisteredType {
    /// How many an organisation can have.
    pub const PER_ORGANIZATION_MAX: usize = 200;

    /// Refuses to enforce nothing.
    pub fn check(&self) -> Result<(), Violation> {
        if self.enforce && self.schema.is_none() {
            return Err(Violation::new("schema_missing", "there is no schema to enforce"));
        }
        Ok(())
    }
}
