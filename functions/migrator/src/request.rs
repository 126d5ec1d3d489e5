//! What the migrator is called with.

use serde::Deserialize;
use serde_json::Value;
use shared::migration::{Migration, SEGMENTS_MAX};

use crate::MigrateError;

/// The request, with what it leaves out filled in.
pub(crate) struct Request {
    pub(crate) migration: Migration,
    /// Nothing is changed.
    pub(crate) dry_run: bool,
    /// How many segments a new run cuts the table into. One that goes on keeps its own.
    pub(crate) segments: u16,
    /// How many units of capacity it takes in a second, reads and writes together.
    pub(crate) capacity_per_second: u32,
    /// Nothing is begun where there is nothing to find out.
    pub(crate) if_needed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    migration: Migration,
    #[serde(default)]
    dry_run: bool,
    segments: Option<u16>,
    capacity_per_second: Option<u32>,
    #[serde(default)]
    if_needed: bool,
}

impl Request {
    const SEGMENTS: u16 = 4;
    const CAPACITY_PER_SECOND: u32 = 400;
    const CAPACITY_PER_SECOND_MAX: u32 = 40_000;

    pub(crate) fn parse(payload: Value) -> Result<Self, MigrateError> {
        let fields: Fields = serde_json::from_value(payload)?;
        let segments = fields.segments.unwrap_or(Self::SEGMENTS);
        if !(1..=SEGMENTS_MAX).contains(&segments) {
            return Err(MigrateError::Range { field: "segments", max: SEGMENTS_MAX.into() });
        }
        let capacity_per_second = fields.capacity_per_second.unwrap_or(Self::CAPACITY_PER_SECOND);
        if !(1..=Self::CAPACITY_PER_SECOND_MAX).contains(&capacity_per_second) {
            let max = Self::CAPACITY_PER_SECOND_MAX;
            return Err(MigrateError::Range { field: "capacity_per_second", max });
        }
        let Fields { migration, dry_run, if_needed, .. } = fields;
        Ok(Self { migration, dry_run, segments, capacity_per_second, if_needed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_out_has_a_default() {
        let request = Request::parse(json!({ "migration": "reseal" })).ok().unwrap();
        assert_eq!(
            (request.migration, request.dry_run, request.if_needed),
            (Migration::Reseal, false, false)
        );
        assert_eq!((request.segments, request.capacity_per_second), (4, 400));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_rule() {
        for (payload, message) in [
            (json!({}), "the request cannot be read: missing field `migration`"),
            (
                json!({ "migration": "drop" }),
                "the request cannot be read: unknown variant `drop`, expected `reseal`",
            ),
            (
                json!({ "migration": "reseal", "dry": true }),
                "the request cannot be read: unknown field `dry`, expected one of `migration`, `dry_run`, `segments`, \
                 `capacity_per_second`, `if_needed`",
            ),
            (json!({ "migration": "reseal", "segments": 0 }), "`segments` is a number from 1 to 32"),
            (json!({ "migration": "reseal", "segments": 33 }), "`segments` is a number from 1 to 32"),
            (
                json!({ "migration": "reseal", "capacity_per_second": 0 }),
                "`capacity_per_second` is a number from 1 to 40000",
            ),
        ] {
            let error = Request::parse(payload).err().unwrap();
            assert_eq!(error.to_string(), message);
        }
    }
}
