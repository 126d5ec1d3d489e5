//! Deliveries: what the dispatcher does with an event, as the API shows it.

mod attempts;
mod crashes;
mod lists;
mod receivers;
mod resend;
