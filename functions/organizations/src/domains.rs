//! `/api/organizations/{id}/domains`.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod verify;
