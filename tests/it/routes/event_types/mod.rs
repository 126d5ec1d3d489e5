//! `/api/event-types`.

mod change;
mod create;
mod enforce;
mod list;
