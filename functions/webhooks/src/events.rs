//! Events: published once, then delivered to whoever subscribes.

pub(crate) mod publish;
pub(crate) mod read;
