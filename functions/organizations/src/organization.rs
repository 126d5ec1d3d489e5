//! `/api/organizations` and `/api/organizations/{id}`.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod modules;
pub(crate) mod read;
pub(crate) mod update;
