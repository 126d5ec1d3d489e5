//! The real function binaries, through the local stack: Runtime API, gateway, event source, all of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod own_api;
mod product;
mod start;
mod walk;
