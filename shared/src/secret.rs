//! SECRET_KEY: read from Secrets Manager, never used directly, never shown.
//!
//! [`ring`] holds the keys and what is derived from them, [`seal`] encrypts with them,
//! [`keeper`] fetches them and keeps them fresh.

mod keeper;
mod ring;
mod seal;

pub use keeper::{Keeper, SecretError};
pub use ring::{DerivedKey, KeyRing, Purpose, RingError, SecretKey};
pub use seal::{Sealed, UnsealError};
