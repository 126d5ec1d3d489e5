//! OAuth 2.0 for programs: a key is a client of its own, with its identifier as `client_id` and its text as
//! `client_secret` (RFC 6749, 4.4).

pub(crate) mod form;
pub(crate) mod introspect;
pub(crate) mod revoke;
pub(crate) mod token;
