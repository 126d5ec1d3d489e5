//! `/api/organizations/{id}/members`: who belongs to the organisation, and who asks to.

pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod update;
