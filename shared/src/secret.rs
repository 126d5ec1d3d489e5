//! SECRET_KEY: read from Secrets Manager, never used directly, never shown.
//!
//! [`ring`] holds the keys and what is derived from them, [`seal`] encrypts with them,
//! [`keeper`] fetches them and keeps them fresh. [`front`] is a secret of its own.

mod front;
mod keeper;
mod ring;
mod seal;

pub use front::{FrontSecrets, FrontSecretsError};
pub use keeper::{Keeper, SecretError};
pub use ring::{DerivedKey, KeyRing, Purpose, RingError, SecretKey};
pub use seal::{Sealed, UnsealError};
