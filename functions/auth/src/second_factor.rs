//! The second factor: time-based codes of an authenticator (RFC 6238), and recovery codes for those who
//! have lost it.

pub(crate) mod begin;
mod challenge;
pub(crate) mod challenged;
pub(crate) mod confirm;
pub(crate) mod disable;
mod qr;
mod recovery;
pub(crate) mod recovery_codes;
pub(crate) mod show;
mod totp;

pub(crate) use challenge::Challenge;
