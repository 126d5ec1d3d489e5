//! The versions of the secret and their labels, as Secrets Manager keeps them.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use shared::problem::chain;

use crate::RotateError;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Where the version of a rotation stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everybody reads it.
    Current,
    /// It is to become that.
    Pending {
        /// The version that is.
        current: String,
    },
}

pub(crate) struct Versions {
    client: Client,
    secret_id: String,
}

fn failed<E, R>(error: SdkError<E, R>) -> RotateError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    RotateError::Service(chain(&error))
}

impl Versions {
    pub(crate) fn of(client: Client, secret_id: String) -> Self {
        Self { client, secret_id }
    }

    /// Where the version `token` stands; refused where it is none that a rotation is about.
    pub(crate) async fn place_of(&self, token: &str) -> Result<Place, RotateError> {
        let described = self.client.describe_secret().secret_id(&self.secret_id).send().await;
        let described = described.map_err(failed)?;
        if described.rotation_enabled != Some(true) {
            return Err(RotateError::Disabled);
        }
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let labels = versions.get(token).ok_or_else(|| RotateError::NoVersion(token.to_owned()))?;
        let has = |labels: &[String], label: &str| labels.iter().any(|one| one == label);
        if has(labels, CURRENT) {
            return Ok(Place::Current);
        }
        if !has(labels, PENDING) {
            return Err(RotateError::NotPending(token.to_owned()));
        }
        let current = versions.iter().find(|(_, labels)| has(labels, CURRENT));
        match current {
            Some((version, _)) => Ok(Place::Pending { current: version.clone() }),
            None => Err(RotateError::Service("no version is AWSCURRENT".to_owned())),
        }
    }

    /// The value of a version; `None` while it has none.
    pub(crate) async fn value(&self, version: &str) -> Result<Option<String>, RotateError> {
        let call = self.client.get_secret_value().secret_id(&self.secret_id).version_id(version);
        match call.send().await {
            Ok(answer) => Ok(answer.secret_string),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(failed(error)),
            },
        }
    }

    /// Gives the pending version its value. Whoever was faster has given it one: that one stays.
    pub(crate) async fn put_pending(&self, token: &str, text: String) -> Result<(), RotateError> {
        let put = self.client.put_secret_value().secret_id(&self.secret_id).client_request_token(token);
        match put.secret_string(text).version_stages(PENDING).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutSecretValueError::ResourceExistsException(_)) => Ok(()),
                _ => Err(failed(error)),
            },
        }
    }

    /// Everybody reads `token` from now on. Secrets Manager refuses where another version than `current` is the
    /// current one by now: it may be `token`, by another call.
    pub(crate) async fn make_current(&self, token: &str, current: &str) -> Result<(), RotateError> {
        let moving = self.client.update_secret_version_stage().secret_id(&self.secret_id);
        let moving = moving.version_stage(CURRENT).move_to_version_id(token).remove_from_version_id(current);
        match moving.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("InvalidParameterException") => {
                match self.place_of(token).await? {
                    Place::Current => Ok(()),
                    Place::Pending { .. } => Err(failed(error)),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }
}
