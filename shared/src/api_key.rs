//! API keys: what programs call with.

mod model;
mod store;

pub use model::{ApiKey, KeyStatus};
pub use store::StoredKey;
