//! `/auth/invitations/*`: for those who have an account.

pub(crate) mod accept;
