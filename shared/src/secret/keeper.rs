//! Fetches SECRET_KEY and keeps it fresh: at the start, every five minutes, and once more, rate
//! limited, when something names a key that the ring does not hold (a rotation just happened).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse as Response;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

use super::ring::{KeyRing, RingError};
use crate::circuit::Rests;
use crate::clock::{Clock, Timestamp};

/// Why there is no SECRET_KEY.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("Secrets Manager did not give SECRET_KEY: {0}")]
    Unavailable(String),
    /// It did not answer, or is in trouble: that passes.
    #[error("Secrets Manager does not answer: {0}")]
    Away(String),
    /// It gave something that cannot serve.
    #[error(transparent)]
    Ring(#[from] RingError),
}

struct Held {
    ring: Arc<KeyRing>,
    /// When the last attempt to read was made, whether or not it succeeded.
    tried_at: Timestamp,
    /// Whether it did.
    succeeded: bool,
}

/// Holds the ring of a running function.
pub struct Keeper {
    client: Client,
    secret_id: String,
    clock: Clock,
    held: RwLock<Held>,
    /// Held by whoever reads the secret again: the others wait for what that brings.
    reading: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// How old the ring gets. A new key makes nothing for twice as long ([`super::LEAD`]): nothing that is genuine
    /// depends on the reads for unknown names below.
    pub const REFRESH: Duration = Duration::from_mins(5);
    /// At most one extra read in this time, however many unknown names arrive. Strangers can use it up.
    const UNKNOWN_KID: Duration = Duration::from_secs(30);
    /// When a read that failed is tried again.
    const RETRY: Duration = Duration::from_secs(30);

    /// Reads the secret. A function that cannot have it does not start.
    pub async fn open(client: Client, secret_id: String, clock: Clock) -> Result<Self, SecretError> {
        let tried_at = clock.now();
        let ring = Arc::new(fetch(&client, &secret_id).await?.at(tried_at));
        let held = RwLock::new(Held { ring, tried_at, succeeded: true });
        Ok(Self { client, secret_id, clock, held, reading: tokio::sync::Mutex::default() })
    }

    /// The ring, at most five minutes old. When it cannot be read again the one at hand goes on:
    /// it was right minutes ago, and an outage of Secrets Manager is no reason to log people out.
    pub async fn ring(&self) -> Arc<KeyRing> {
        self.ring_younger_than(Self::REFRESH).await
    }

    /// The ring for something that names `kid`.
    pub async fn ring_with(&self, kid: &str) -> Arc<KeyRing> {
        let ring = self.ring().await;
        if ring.named(kid).is_some() { ring } else { self.ring_younger_than(Self::UNKNOWN_KID).await }
    }

    /// The ring for something that no key of the ring at hand made and that does not say which did:
    /// a rotation may have just happened.
    pub async fn ring_again(&self) -> Arc<KeyRing> {
        self.ring_younger_than(Self::UNKNOWN_KID).await
    }

    async fn ring_younger_than(&self, age: Duration) -> Arc<KeyRing> {
        if let Some(ring) = self.at_hand(age) {
            return ring;
        }
        let _reading = self.reading.lock().await;
        // Somebody else may have read it meanwhile.
        if let Some(ring) = self.at_hand(age) {
            return ring;
        }
        let now = self.clock.now();
        let fetched = fetch(&self.client, &self.secret_id).await;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        (held.tried_at, held.succeeded) = (now, fetched.is_ok());
        match fetched {
            Ok(ring) => held.ring = Arc::new(ring.at(now)),
            Err(error) => {
                tracing::error!(error = %error, "SECRET_KEY could not be read again; the one at hand goes on");
            }
        }
        Arc::clone(&held.ring)
    }

    /// The ring that was read, or tried to be read, less than `age` ago.
    fn at_hand(&self, age: Duration) -> Option<Arc<KeyRing>> {
        let now = self.clock.now();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if !held.ring.is_of(now) {
            held.ring = Arc::new(held.ring.at(now));
        }
        let age = if held.succeeded { age } else { age.min(Self::RETRY) };
        // A clock that went back must not keep an old ring for ever.
        let young = held.tried_at <= now && now.since(held.tried_at) < age;
        young.then(|| Arc::clone(&held.ring))
    }
}

/// Whether Secrets Manager will not give it, or cannot at the moment.
fn why(error: &SdkError<GetSecretValueError, Response>) -> SecretError {
    let text = crate::problem::chain(error);
    let passes = match error {
        SdkError::ServiceError(said) => {
            said.raw().status().is_server_error() || error.code().is_some_and(|code| code.contains("Throttl"))
        }
        SdkError::ConstructionFailure(_) => Rests::is_cause_of(error),
        _ => true,
    };
    if passes { SecretError::Away(text) } else { SecretError::Unavailable(text) }
}

async fn fetch(client: &Client, secret_id: &str) -> Result<KeyRing, SecretError> {
    let answer = client.get_secret_value().secret_id(secret_id).send().await.map_err(|error| why(&error))?;
    let text = answer.secret_string().ok_or(RingError::Form)?;
    Ok(KeyRing::parse(text)?)
}
