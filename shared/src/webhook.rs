//! Webhooks: an endpoint, what it subscribes to, and the secrets that its deliveries are signed with.

mod condition;
mod header;
mod key;
mod model;
mod secret;
mod store;

pub use condition::{Condition, EventData, Operator, Path};
pub use header::{HeaderChanges, HeaderName, HeaderText, SealedHeaderChanges, SealedHeaders};
pub use key::{PublicKey, SealedKey, SigningKey};
pub use model::{
    Channel, Disabled, EventPattern, EventType, RetrySchedule, SealedSecret, Status, TooManySecrets, Webhook,
};
pub use secret::SigningSecret;
pub use store::WEBHOOKS_MAX;
pub(crate) use store::webhook_of;
