//! The fields of a request that bound what a key may be used for.

use shared::api_key::KeyRate;
use shared::http::Fields;
use shared::limit::{Period, Quota};

/// Networks that one key can be bound to.
pub(crate) const CIDRS_MAX: usize = 50;

/// A limit of so many in so many seconds.
pub(crate) fn rate(fields: &mut Fields<'_>) -> Option<KeyRate> {
    let limit = fields.integer("limit", 1..=KeyRate::LIMIT_MAX);
    let window_seconds = fields.integer("window_seconds", 1..=KeyRate::WINDOW_SECONDS_MAX);
    Some(KeyRate { limit: limit?, window_seconds: window_seconds? })
}

/// So many in each day or month.
pub(crate) fn quota(fields: &mut Fields<'_>) -> Option<Quota> {
    let limit = fields.integer("limit", 1..=u32::MAX);
    let period: Option<Period> = fields.text("period");
    Some(Quota { limit: limit?, period: period? })
}
