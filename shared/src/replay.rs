//! Replays: events of a webhook that are sent again, or for the first time, page by page.

mod model;
mod store;

pub use model::{Progress, Replay, Wanted, What};
