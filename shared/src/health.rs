//! How the receiver of a webhook does: its failures in a row, its breaker, its pace. All of it is in the
//! table, so that every instance of the dispatcher knows what one of them has seen.

mod model;
mod store;

pub use model::{Breaker, Health, Pace, Streak};
pub(crate) use store::health_of;
