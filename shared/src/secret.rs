//! SECRET_KEY: read from Secrets Manager, never used directly, never shown.
//!
//! [`ring`] holds the keys and what is derived from them, [`seal`] encrypts with them,
//! [`keeper`] fetches them and keeps them fresh, [`rotation`] makes the ring after this one, [`reseal`] takes what is encrypted
//! from one key to the next. [`front`] is a secret of its own.

mod front;
mod keeper;
mod reseal;
mod ring;
mod rotation;
mod seal;

pub use front::{FrontSecrets, FrontSecretsError};
pub use keeper::{Keeper, SecretError};
pub use reseal::Resealing;
pub use ring::{DerivedKey, KeyRing, Purpose, RingError, SecretKey};
pub use rotation::{KEPT, KEYS_MAX, LEAD, RotationError, SETTLED, Unfit, Unused};
pub use seal::{Sealed, UnsealError};
