//! Limits on what somebody may do how often, counted in a table of their own: whoever hammers a limit
//! cannot slow down the table that everything else needs.
//!
//! Two kinds. A [`Window`] lets so many through in each span of time. A [`Guard`] counts failures in a
//! row and makes each further attempt wait longer. Both count *before* what they guard is done, in
//! one conditional write, and never count back: neither a race nor a crash gives an attempt away.

mod guard;
mod refusals;
mod window;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

pub use guard::{Attempt, Guard, Ticket};
pub use window::{Taken, Window};

use crate::problem::{Kind, Problem, RateLimit};
use refusals::Refusals;

/// The counters, and what this process remembers of refusals.
#[derive(Clone)]
pub struct Limiter {
    client: Client,
    table: String,
    refusals: Arc<Refusals>,
}

impl Limiter {
    /// The counters in `table`, which is not the one that everything else is in.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, refusals: Arc::new(Refusals::default()) }
    }
}

/// The answer to whoever has to wait. It is one for all limits and says nothing of whether what they
/// asked for exists.
fn refused(name: &'static str, quota: u32, window_seconds: u64, wait_seconds: u64) -> Problem {
    let detail = format_args!("try again in {wait_seconds} s");
    let limit = RateLimit { name, quota, window_seconds, remaining: 0, reset_seconds: wait_seconds };
    Problem {
        rate_limit: Some(Box::new(limit)),
        ..Problem::because(Kind::RateLimited, detail).retry_after(wait_seconds)
    }
}

/// Spells the keys of the counters.
mod keys {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::types::AttributeValue;

    /// `<kind>#<subject>` and the number of the window, or `row` for failures in a row.
    pub(super) fn counter(kind: &str, subject: &str, span: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(format!("{kind}#{subject}"))),
            ("sk".to_owned(), AttributeValue::S(span.to_owned())),
        ])
    }
}
