//! Replays: events of a webhook that are sent again.

pub(crate) mod cancel;
pub(crate) mod read;
pub(crate) mod start;
mod view;
