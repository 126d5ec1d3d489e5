//! The local AWS: `template.yaml` on this machine, without Docker.
//!
//! - [`Services`]: `DynamoDB`, SQS, Secrets Manager and SES inside this process, in
//!   milliseconds. Integration tests start their own. Mails are kept to be read.
//! - [`Stack`]: the services, the real function binaries behind Lambda's Runtime API,
//!   the HTTP API, queue sources and schedules. `cargo stack` runs it.
//! - [`Receiver`]: a web server to deliver webhooks to.
//!
//! It is a development tool. What it does not emulate:
//!
//! - IAM, KMS, throttling, quotas, authorizers: everything is allowed;
//! - durable queues: messages are gone after a restart, tables, secrets and mails are
//!   kept;
//! - fair queues: `MessageGroupId` is dropped; FIFO queues, `cron` schedules, streams,
//!   secret rotation schedules (secrets rotate when asked to); of SES everything but `SendEmail` with a simple message;
//! - `DynamoDB` transaction conflicts and throughput limits, but as [`Fault`]s that are switched on; expired items go within a
//!   minute instead of days;
//! - frozen functions, memory limits, response streaming, Lambda's own retries of
//!   asynchronous calls.

mod binaries;
mod captured;
mod gateway;
mod kept;
mod lambda;
pub mod mail;
mod moment;
mod queue_source;
pub mod receiver;
mod rotation;
mod schedule;
pub mod services;
pub mod template;
mod whole;

pub use binaries::{Binaries, BinariesError};
pub use captured::Captured;
pub use mail::Mail;
pub use receiver::{Call, Receiver};
pub use rotation::RotateError;
pub use services::{Fault, FaultKind, Faults, Ports, Service, ServiceError, Services, Settings, State};
pub use template::{Template, TemplateError};
pub use whole::{Options, Stack, StackError};

/// A path of the gateway that answers 200 to everything, for trying webhooks by hand.
pub const RECEIVER_PATH: &str = gateway::RECEIVER_PATH;

/// A path of the gateway that rotates every secret, when it is posted to.
pub const ROTATE_PATH: &str = rotation::PATH;
/// A path of the gateway, and of the server of SQS, that shows the faults of the services, and takes others.
pub const FAULTS_PATH: &str = services::faults::PATH;

/// A path of the gateway, and of the server of SES, that shows the mails: to a browser
/// as a page, to what accepts JSON as that.
pub const MAIL_PATH: &str = mail::page::PATH;
