//! Migrations: runs through the whole table that bring items to another form. [`model`] is a run and how far it has
//! come, [`store`] its items and its lease, [`reseal`] what is done to items that hold something encrypted.

mod model;
mod reseal;
mod store;

pub use model::{Counts, LEASE, Migration, Run, SEGMENTS_MAX, Segment};
pub use reseal::Looked;
