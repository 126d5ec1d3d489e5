//! Events: published once, stored as the bytes that every receiver gets.

mod activity;
mod model;
mod store;

pub(crate) use activity::last_of;
pub use activity::{Activity, Hour, hour_of};
pub use model::Event;
pub(crate) use store::event_of;
