//! The product in one process: every route over a real socket and a real table.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod alarms;
mod audit;
mod authorizer;
mod breaker;
mod bug_classes;
mod circuit;
mod costs;
mod documents;
mod domains;
mod front;
mod keeper;
mod limits;
mod lossless;
mod mails;
mod matrix;
mod membership;
mod migration;
mod observe;
mod operational;
mod rotation;
mod routes;
mod security;
mod sweeper;
mod template;
mod tidy;
