//! `/auth/me`: the person who asks.

pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod read;
pub(crate) mod update;
