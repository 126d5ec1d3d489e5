//! Sessions: a person signed in on one device, in one organisation.

mod model;
mod store;

pub use model::{Device, RefreshVerdict, Session};
pub(crate) use store::session_of;
