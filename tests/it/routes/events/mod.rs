//! `/api/events`.

mod batch;
mod idempotency;
mod list;
mod publish;
mod read;
mod subscriptions;
mod trace;
