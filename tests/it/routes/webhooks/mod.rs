//! `/api/webhooks`.

mod change;
mod create;
mod list;
mod retries;
mod replay;
mod rotate_secret;
mod switch;
mod test;
mod verify_signature;
