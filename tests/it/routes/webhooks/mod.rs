//! `/api/webhooks`.

mod change;
mod create;
mod list;
mod rotate_secret;
