//! `/auth/sessions`: where a person is signed in.

pub(crate) mod list;
pub(crate) mod revoke;
