//! Deliveries: one event for one webhook, and what came of it.

mod backlog;
mod due;
mod model;
mod outcome;
mod store;

pub use due::{Due, waits_in_the_table};
pub use model::{AlreadyDecided, Attempt, Delivery, Next, QUEUED_WITHIN, State};
pub use outcome::{Outcome, Unreachable};
pub use store::{InHand, Recorded};
