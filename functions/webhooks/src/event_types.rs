//! Event types: what an organisation publishes, written down, and what its data has to look like.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod enforce;
pub(crate) mod list;
pub(crate) mod read;
mod schema;
pub(crate) mod update;
mod view;
