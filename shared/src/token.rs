//! The three kinds of bearer text: access tokens (JWT), refresh tokens (`rt_`), API keys (`aif_`).
//! Their formats only; who may do what with them is decided elsewhere.

mod access;
mod base62;
mod jwt;
mod key;
mod key_access;
mod refresh;

pub use access::{ACCESS_TOKEN_SECONDS, AccessClaims};
pub use jwt::{AccessTokenError, kid_of};
pub use key::{Environment, KeyDigest, KeyToken};
pub use key_access::{KEY_ACCESS_TOKEN_SECONDS, KeyAccessClaims};
pub use refresh::RefreshToken;
