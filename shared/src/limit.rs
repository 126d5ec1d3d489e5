//! Limits on what somebody may do how often, counted in a table of their own: whoever hammers a limit
//! cannot slow down the table that everything else needs.
//!
//! A [`Window`] lets so many through in each span of time, a [`Sliding`] limit within any span, a
//! [`Quota`] in each day or month. A [`Guard`] counts failures in a row and makes each further attempt
//! wait longer. All count *before* what they guard is done, in one conditional write, and never count
//! back: neither a race nor a crash gives an attempt away. A [`UsageBook`] only counts.
//! [`Limiter::pass`] holds the limits of routes, mostly without a write.

mod guard;
mod pace;
mod quota;
mod refusals;
mod share;
mod sliding;
mod subjects;
mod usage;
mod window;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

pub use guard::{Attempt, Guard, Ticket};
pub use quota::{Period, Quota, Spent};
pub use sliding::{Slid, Sliding};
pub use usage::{Day, UsageBook};
pub use window::{Taken, Window};

use crate::problem::{Problem, RateLimit};
use crate::table::Item;
use refusals::Refusals;
use share::Shares;

/// Over how many items a count of so many in so many seconds is spread: one item takes about a thousand
/// writes a second, and is filled to the half.
fn shards(limit: u64, seconds: u64) -> u32 {
    const EACH: u64 = 500;
    u32::try_from(limit.div_ceil(seconds.max(1) * EACH)).unwrap_or(u32::MAX).clamp(1, 64)
}

/// The counters, and what this process remembers of refusals.
#[derive(Clone)]
pub struct Limiter {
    client: Client,
    table: String,
    refusals: Arc<Refusals>,
    shares: Arc<Shares>,
}

impl Limiter {
    /// The counters in `table`, which is not the one that everything else is in.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, refusals: Arc::default(), shares: Arc::default() }
    }
}

/// The answer to whoever has to wait. It is one for all limits and says nothing of whether what they
/// asked for exists.
fn refused(name: &'static str, quota: u32, window_seconds: u64, wait_seconds: u64) -> Problem {
    Problem::too_fast(RateLimit { name, quota, window_seconds, remaining: 0, reset_seconds: wait_seconds })
}

/// Spells the keys of the counters.
mod keys {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::types::AttributeValue;

    /// Where the counters of a subject are: `<kind>#<subject>`.
    pub(super) fn partition(kind: &str, subject: &str) -> AttributeValue {
        AttributeValue::S(format!("{kind}#{subject}"))
    }

    /// `<kind>#<subject>` and the number of the window, or `row` for failures in a row.
    pub(super) fn counter(kind: &str, subject: &str, span: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), partition(kind, subject)),
            ("sk".to_owned(), AttributeValue::S(span.to_owned())),
        ])
    }
}
