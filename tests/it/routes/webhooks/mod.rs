//! `/api/webhooks`.

mod change;
mod conditions;
mod create;
mod headers;
mod keys;
mod list;
mod retries;
mod replay;
mod rotate_secret;
mod switch;
mod test;
mod verify_signature;
