//! Webhooks: an endpoint, what it subscribes to, and the secrets that its deliveries are signed with.

mod model;
mod secret;
mod store;

pub use model::{Disabled, EventPattern, EventType, SealedSecret, Status, Webhook};
pub use secret::SigningSecret;
pub(crate) use store::webhook_of;
pub use store::{Created, WEBHOOKS_MAX};
