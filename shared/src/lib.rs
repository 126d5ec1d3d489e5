//! What the functions share.
//!
//! The modules stand lowest first: a module names only those before it (a test holds this).
//! A resource is a folder of `model.rs`, which decides and knows no I/O, and `store.rs`, which
//! turns one access pattern of the table into one call.

pub mod clock;
pub mod circuit;
pub mod entropy;
pub mod problem;
pub mod id;
pub mod lane;
pub mod trace;
pub mod transport;
pub mod observe;
pub mod secret;
pub mod scope;
pub mod rate;
pub mod config;
pub mod token;
pub mod name;
pub mod address;
pub mod http;
pub mod table;
pub mod limit;
pub mod audit;
pub mod idempotency;
pub mod user;
pub mod organization;
pub mod session;
pub mod factor;
pub mod domain;
pub mod invitation;
pub mod link;
pub mod api_key;
pub mod standing;
pub mod webhook;
pub mod event_type;
pub mod event;
pub mod health;
pub mod delivery;
pub mod replay;
pub mod migration;
pub mod queue;
pub mod operational;
pub mod mail;
pub mod context;
pub mod principal;
pub mod router;
pub mod boot;
