//! The harness of the integration tests: every function in one process, with a `DynamoDB` and a
//! Secrets Manager of its own, a queue and a clock that the test moves, behind a real socket.
#![expect(clippy::unwrap_used, reason = "a harness that cannot be set up fails the test")]

mod account;
mod app;
mod aws;
mod call;
mod capacity;
mod faults;
pub mod lossless;
mod names;
mod observed;
mod queue;
mod rotation;
mod setup;

pub use account::{Account, MadeWebhook, PASSWORD};
pub use app::{App, nobody};
pub use aws::table;
pub use call::{Answer, Request};
pub use capacity::Units;
pub use faults::{Faults, Harm, Plan, throttled};
pub use names::{Manner, NameServer};
pub use observed::Observed;
pub use queue::Message;
pub use rotation::{STEPS, read_secret_key, write_secret_key};
pub use stack::{Call, Mail, Receiver};

use std::path::PathBuf;

/// The repository.
pub fn repository() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The template that everything here is made from.
pub fn template() -> stack::Template {
    stack::Template::load(repository().join("template.yaml")).unwrap()
}
