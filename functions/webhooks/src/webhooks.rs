//! Webhooks: an endpoint, what it subscribes to, and its secret.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod retry_preview;
pub(crate) mod rotate_secret;
pub(crate) mod switch;
pub(crate) mod test;
pub(crate) mod update;
pub(crate) mod verify_signature;
pub(crate) mod view;
