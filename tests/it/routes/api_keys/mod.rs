//! `/api/api-keys`.

mod create;
mod list;
mod read;
mod revoke;
mod verify;
