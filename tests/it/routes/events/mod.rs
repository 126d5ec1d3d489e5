//! `/api/events`.

mod idempotency;
mod list;
mod publish;
mod read;
