//! Deliveries: one event for one webhook, and what came of it.

mod model;
mod outcome;
mod store;

pub use model::{AlreadyDecided, Attempt, Delivery, Next, State};
pub use outcome::{Outcome, Unreachable};
pub use store::{InHand, Recorded};
