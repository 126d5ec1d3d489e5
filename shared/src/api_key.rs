//! API keys: what programs call with.

mod cidr;
mod model;
mod store;

pub use cidr::Cidr;
pub use model::{ApiKey, KeyRate, KeyStatus, LastUse, Secret, StoredKey};
pub use store::ListedKey;
