//! Domains of organisations: whoever shows that a domain is theirs, by a TXT record, takes in those
//! who have an address there.

mod model;
mod name;
mod store;

pub use model::{Domain, DomainStatus, JoinMode};
pub use name::DomainName;
pub use store::Home;
