//! Organisations and who belongs to them.

mod model;
mod store;

pub use model::{Membership, Organization};
pub(crate) use store::{membership_of, organization_of};
