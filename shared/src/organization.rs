//! Organisations and who belongs to them.

mod members;
mod model;
mod store;

pub use members::{Change, RoleChange};
pub use model::{Membership, Organization, OrganizationStatus};
pub(crate) use store::{membership_of, organization_of};
