//! The local AWS: `template.yaml` on this machine, without Docker.
//!
//! - [`Services`]: `DynamoDB`, SQS and Secrets Manager inside this process, in
//!   milliseconds. Integration tests start their own.
//! - [`Stack`]: the services, the real function binaries behind Lambda's Runtime API,
//!   the HTTP API, queue sources and schedules. `cargo stack` runs it.
//! - [`Receiver`]: a web server to deliver webhooks to.
//!
//! It is a development tool. What it does not emulate:
//!
//! - IAM, KMS, throttling, quotas, authorizers: everything is allowed;
//! - durable queues: messages are gone after a restart, tables and secrets are kept;
//! - fair queues: `MessageGroupId` is dropped; FIFO queues, `cron` schedules, streams,
//!   e-mail, secret rotation schedules;
//! - `DynamoDB` transaction conflicts and throughput limits; expired items go within a
//!   minute instead of days;
//! - frozen functions, memory limits, response streaming, Lambda's own retries of
//!   asynchronous calls.

mod binaries;
mod gateway;
mod lambda;
mod moment;
mod queue_source;
pub mod receiver;
mod schedule;
pub mod services;
pub mod template;
mod whole;

pub use binaries::{Binaries, BinariesError};
pub use receiver::{Call, Receiver};
pub use services::{Ports, Service, ServiceError, Services, State};
pub use template::{Template, TemplateError};
pub use whole::{Options, Stack, StackError};

/// A path of the gateway that answers 200 to everything, for trying webhooks by hand.
pub const RECEIVER_PATH: &str = gateway::RECEIVER_PATH;
