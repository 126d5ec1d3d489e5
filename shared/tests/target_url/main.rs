//! `TargetUrl` against texts that nobody wrote: drawn from rules, and nasty ones mutated. What it lets through
//! is judged again, by a second reading of the registries that shares nothing with the first.

#![expect(clippy::unwrap_used, reason = "what a test cannot make is a failed test")]

mod flaw;
mod judge;
mod mutations;
mod properties;
