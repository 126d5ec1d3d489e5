//! `/api/events`.

mod idempotency;
mod publish;
mod read;
