//! Invitations into an organisation, and requests to join one.

mod model;
mod request;
mod store;

pub use model::{Invitation, InvitationStatus};
pub use request::JoinRequest;
