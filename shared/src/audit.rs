//! The audit log: who did what in an organisation, in a chain that shows when a link is missing.
//!
//! A record is written in the transaction of what it records: there is no action without its record
//! and no record without its action. Each record holds the hash of the one before, so that taking one
//! out, changing one or putting one in breaks the chain from there on; see [`chain`].

pub mod chain;
mod model;
mod origin;
mod store;

pub use model::{Action, Actor, Entry, Outcome, Record};
pub use origin::Origin;
pub use store::Head;
