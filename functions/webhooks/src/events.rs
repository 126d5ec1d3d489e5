//! Events: published once, then delivered to whoever subscribes.

pub(crate) mod batch;
pub(crate) mod list;
pub(crate) mod publish;
pub(crate) mod read;
pub(crate) mod subscriptions;
