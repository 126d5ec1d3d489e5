//! Events: published once, stored as the bytes that every receiver gets.

mod model;
mod store;

pub use model::Event;
pub(crate) use store::event_of;
