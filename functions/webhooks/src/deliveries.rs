//! Deliveries: what came of an event at a webhook.

mod filter;
pub(crate) mod list_of_event;
pub(crate) mod list_of_webhook;
pub(crate) mod read;
pub(crate) mod resend;
pub(crate) mod view;
