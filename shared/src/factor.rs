//! P14: the second factor of a person: what their authenticator and we share, and their recovery codes.

mod model;
mod store;

pub use model::{Factor, FactorState};
pub(crate) use store::factor_of;
