//! Rotations of SECRET_KEY and runs of the migrator, as AWS asks for them.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use migrator::Migrator;
use rotator::Rotator;
use serde_json::{Value, json};
use shared::secret::{Keeper, KeyRing, LEAD};
use stack::{Service, Services};

use crate::app::App;
use crate::aws;

/// The steps of a rotation, in their order.
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

fn secrets(services: &Services) -> (Client, String) {
    let client = aws::secrets(services.endpoint(Service::SecretsManager));
    (client, services.environment("auth")["SECRET_KEY_ARN"].clone())
}

/// SECRET_KEY, as the secret has it.
pub async fn read_secret_key(services: &Services) -> Value {
    let (client, arn) = secrets(services);
    let answer = client.get_secret_value().secret_id(arn).send().await.unwrap();
    serde_json::from_str(&answer.secret_string.unwrap()).unwrap()
}

/// SECRET_KEY becomes that, by an operator's hand.
pub async fn write_secret_key(services: &Services, ring: &Value) {
    let (client, arn) = secrets(services);
    client.put_secret_value().secret_id(arn).secret_string(ring.to_string()).send().await.unwrap();
}

impl App {
    /// Secrets Manager.
    pub fn secrets(&self) -> Client {
        secrets(&self.services).0
    }

    /// The ARN of SECRET_KEY.
    pub fn secret_id(&self) -> String {
        secrets(&self.services).1
    }

    /// What another instance of a function holds of SECRET_KEY, which has just started.
    pub async fn another_keeper(&self) -> Keeper {
        Keeper::open(self.secrets(), self.secret_id(), self.core.clock.clone()).await.unwrap()
    }

    /// SECRET_KEY as it is, and not as a function remembers it.
    pub async fn ring(&self) -> Arc<KeyRing> {
        self.another_keeper().await.ring().await
    }

    /// Somebody asks for a rotation: the version that it is to make.
    pub async fn begin_rotation(&self) -> String {
        let begun = self.secrets().rotate_secret().secret_id(self.secret_id()).send().await.unwrap();
        begun.version_id.unwrap()
    }

    /// One step of a rotation, or why it is refused.
    pub async fn step(&self, step: &str, token: &str) -> Result<(), String> {
        self.rotator_called_with(json!({
            "Step": step,
            "SecretId": self.secret_id(),
            "ClientRequestToken": token,
        }))
        .await
    }

    /// The rotator is called with that.
    pub async fn rotator_called_with(&self, event: Value) -> Result<(), String> {
        let rotator = Rotator::new(self.core.clone(), self.secrets(), self.secret_id());
        rotator.handle(event).await.map(drop).map_err(|error| error.to_string())
    }

    /// A whole rotation: the name of the new key. It makes nothing yet.
    pub async fn rotate(&self) -> String {
        let token = self.begin_rotation().await;
        for step in STEPS {
            self.step(step, &token).await.unwrap();
        }
        token
    }

    /// The same, until every function makes everything with the new key, and it has settled that none uses the one
    /// before.
    pub async fn rotate_and_settle(&self) -> String {
        let kid = self.rotate().await;
        self.hands.advance(LEAD + shared::secret::SETTLED);
        assert_eq!(self.core.keys.ring().await.current().kid(), kid);
        kid
    }

    /// SECRET_KEY becomes that, by an operator's hand.
    pub async fn put_ring(&self, ring: &Value) {
        write_secret_key(&self.services, ring).await;
    }

    /// An invocation of the migrator that has a quarter of an hour: its answer, or why there is none.
    pub async fn migrate(&self, request: Value) -> Result<Value, String> {
        self.migrate_within(request, Duration::from_mins(15)).await
    }

    /// The same with the time that the invocation has left.
    pub async fn migrate_within(&self, request: Value, left: Duration) -> Result<Value, String> {
        let core = self.observed.core("migrator", &self.core);
        let (observer, migrator) = (core.observer.clone(), Migrator::new(core));
        let work = migrator.handle(request, self.core.clock.now().plus(left));
        observer.invocation(Box::pin(work)).await.map_err(|error| error.to_string())
    }
}
