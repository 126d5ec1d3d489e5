//! The types of events that an organisation has written down: what each is, and what its data looks like.

mod model;
mod store;

pub use model::{RegisteredType, SchemaText};
