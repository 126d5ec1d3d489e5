//! The real function binaries, through the local stack: Runtime API, gateway, event source, all of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod fixtures;
mod observe;
mod own_api;
mod product;
mod rotation;
mod secrets;
mod start;
mod walk;
