//! `/auth/email/*`: showing that an address is one's own, and moving to another.

pub(crate) mod change;
pub(crate) mod confirm;
pub(crate) mod resend;
pub(crate) mod verify;
