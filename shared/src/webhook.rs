//! Webhooks: an endpoint, what it subscribes to, and the secrets that its deliveries are signed with.

mod condition;
mod header;
mod key;
mod model;
mod secret;
mod store;
mod subscription;

pub use condition::{Condition, EventData, Operator, Path};
pub use header::{HeaderChanges, HeaderName, HeaderText, SealedHeaderChanges, SealedHeaders};
pub use key::{PublicKey, SealedKey, SigningKey};
pub use model::{Disabled, RetrySchedule, SealedSecret, Status, TooManySecrets, Webhook};
pub use secret::SigningSecret;
pub(crate) use store::webhook_of;
pub use store::{Revision, WEBHOOKS_MAX};
pub use subscription::{Channel, EventPattern, EventType, Subscription};
