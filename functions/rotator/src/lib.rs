//! The rotator: makes the next SECRET_KEY, in the four steps in which Secrets Manager asks for it.
//!
//! `createSecret` puts a new ring beside the current one, with a new key in front; `setSecret` has nobody to tell;
//! `testSecret` holds the new ring against the current one; `finishSecret` makes it the current one. Secrets Manager
//! repeats steps, and all of them, as it likes: each does again what it did before, or nothing. The version that a
//! rotation makes is the event's token, and the new key is named after it.
//!
//! Functions learn of the new key within minutes, and it makes nothing before: see [`shared::secret::LEAD`].

mod versions;

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::secret::{KeyRing, RingError, RotationError, Unfit};
use shared::table::StoreError;

use versions::{Place, Versions};

/// Why a step is refused, or fails. Secrets Manager tries again a few times, and shows the message.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Not what Secrets Manager sends.
    #[error("the event cannot be read: {0}")]
    Event(#[from] serde_json::Error),
    /// The secret is not the one that this function is there for.
    #[error("`{0}` is not the secret that SECRET_KEY_ARN names")]
    OtherSecret(String),
    /// Nobody asked for rotations.
    #[error("rotation is not enabled for SECRET_KEY")]
    Disabled,
    /// The token names nothing.
    #[error("`{0}` is no version of SECRET_KEY")]
    NoVersion(String),
    /// The version is an old one, or of another rotation.
    #[error("the version `{0}` is not AWSPENDING")]
    NotPending(String),
    /// A later step came first.
    #[error("the version `{0}` has no value: createSecret comes first")]
    NoValue(String),
    /// The pending ring may not become the current one.
    #[error(
        "the version `{token}` cannot follow the current one: {why}. Take the label AWSPENDING from it, and rotate again"
    )]
    Unfit {
        /// Which version.
        token: String,
        /// Why not.
        why: Unfit,
    },
    /// A ring cannot serve.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// There is no next ring.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The system gave no chance.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The table does not say which keys are still needed: then all are, and nothing is made.
    #[error("the table failed")]
    Store(#[from] StoreError),
    /// Secrets Manager failed.
    #[error("Secrets Manager failed: {0}")]
    Service(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    step: Step,
    secret_id: String,
    client_request_token: String,
}

/// What this function holds while it runs.
pub struct Rotator {
    core: Core,
    versions: Versions,
    secret_id: String,
}

impl Rotator {
    /// A rotator of the secret that `secret_id`, its ARN, names.
    pub fn new(core: Core, secrets: Client, secret_id: String) -> Self {
        Self { core, versions: Versions::of(secrets, secret_id.clone()), secret_id }
    }

    /// One step.
    pub async fn handle(&self, event: Value) -> Result<Value, RotateError> {
        let Event { step, secret_id, client_request_token: token } = serde_json::from_value(event)?;
        if secret_id != self.secret_id {
            return Err(RotateError::OtherSecret(secret_id));
        }
        match self.versions.place_of(&token).await? {
            // A whole rotation is repeated where the answer to its last step was lost.
            Place::Current => tracing::info!(?step, token, "the version is the current one already"),
            Place::Pending { current } => self.take(step, &token, &current).await?,
        }
        Ok(json!({}))
    }

    async fn take(&self, step: Step, token: &str, current: &str) -> Result<(), RotateError> {
        match step {
            Step::Create => self.create(token, current).await?,
            // Nobody else has to be told of a key of our own.
            Step::Set => drop(self.pending(token).await?),
            Step::Test => {
                if self.is_a_try(token, current).await? {
                    tracing::info!(token, "a copy of the current version, to try whether this step works");
                } else {
                    self.test(token, current).await?;
                }
            }
            Step::Finish => {
                // Not every caller tests: what is unfit never becomes current.
                self.test(token, current).await?;
                self.versions.make_current(token, current).await?;
            }
        }
        tracing::info!(?step, token, "a step of the rotation is done");
        Ok(())
    }

    /// Where a schedule is set up that does not rotate at once, Secrets Manager makes a copy of the current version,
    /// asks for this step alone, and takes the copy away.
    async fn is_a_try(&self, token: &str, current: &str) -> Result<bool, RotateError> {
        let (pending, now) = (self.versions.value(token).await?, self.versions.value(current).await?);
        Ok(pending.is_some() && pending == now)
    }

    async fn create(&self, token: &str, current: &str) -> Result<(), RotateError> {
        if self.versions.value(token).await?.is_some() {
            return Ok(());
        }
        let ring = self.ring(current).await?;
        let (unused, now) = (self.core.table.unused_keys().await?, self.core.clock.now());
        let next = ring.rotated(token, &unused, now, &self.core.entropy)?;
        self.versions.put_pending(token, next.reveal()?).await?;
        let kept = |kid: &str| next.named(kid).is_some();
        for key in ring.all().iter().filter(|key| !kept(key.kid())) {
            tracing::info!(
                kid = key.kid(),
                "nothing needs the key any more, and the next ring is without it"
            );
        }
        Ok(())
    }

    async fn test(&self, token: &str, current: &str) -> Result<(), RotateError> {
        let (pending, before) = (self.pending(token).await?, self.ring(current).await?);
        let (unused, now) = (self.core.table.unused_keys().await?, self.core.clock.now());
        let fit = pending.is_fit_after(&before, &unused, now, &self.core.entropy)?;
        fit.map_err(|why| RotateError::Unfit { token: token.to_owned(), why })
    }

    async fn pending(&self, token: &str) -> Result<KeyRing, RotateError> {
        let text = self.versions.value(token).await?;
        Ok(KeyRing::parse(&text.ok_or_else(|| RotateError::NoValue(token.to_owned()))?)?)
    }

    async fn ring(&self, version: &str) -> Result<KeyRing, RotateError> {
        let text = self.versions.value(version).await?;
        Ok(KeyRing::parse(&text.ok_or_else(|| RotateError::NoValue(version.to_owned()))?)?)
    }
}
