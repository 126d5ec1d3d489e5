//! Rotations of secrets, as Secrets Manager makes them: a version that is to come, and the four
//! steps of the function that makes it. Nothing here does so by a schedule.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::lambda::{InvokeError, Lambda};
use crate::services::{Service, Services};
use crate::template::Template;

/// The path of the gateway that rotates every secret now.
pub(crate) const PATH: &str = "/_local/rotate";

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// Why a secret is not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Secrets Manager did not answer.
    #[error("Secrets Manager does not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// The function failed.
    #[error("{step}: {reason}")]
    Step {
        /// In which step.
        step: &'static str,
        /// On what.
        reason: String,
    },
}

/// The secrets that rotate, each with the function that does it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rotations {
    url: String,
    client: reqwest::Client,
    secrets: Vec<(String, Lambda)>,
}

impl Rotations {
    pub(crate) fn of(template: &Template, services: &Services, lambdas: &[Lambda]) -> Rotations {
        let secrets = template.secrets().iter().filter_map(|secret| {
            let lambda = lambdas.iter().find(|lambda| secret.is_rotated_by(lambda.function()))?;
            Some((secret.arn(), lambda.clone()))
        });
        Rotations {
            url: services.endpoint(Service::SecretsManager).to_owned(),
            client: reqwest::Client::new(),
            secrets: secrets.collect(),
        }
    }

    /// Rotates every secret; a rotation that was begun before goes on. The identifiers of the
    /// versions that are current then.
    pub(crate) async fn run(&self) -> Result<Vec<String>, RotateError> {
        let mut versions = Vec::new();
        for (arn, lambda) in &self.secrets {
            let version = self.begin(arn).await?;
            for step in STEPS {
                let event = json!({ "Step": step, "SecretId": arn, "ClientRequestToken": version });
                let invoked = lambda.invoke(event.to_string().into()).await;
                invoked
                    .map_err(|error: InvokeError| RotateError::Step { step, reason: error.to_string() })?;
            }
            versions.push(version);
        }
        Ok(versions)
    }

    async fn begin(&self, arn: &str) -> Result<String, RotateError> {
        let (status, begun) = self.call("RotateSecret", arn).await?;
        if let Some(version) = begun["VersionId"].as_str().filter(|_| status.is_success()) {
            return Ok(version.to_owned());
        }
        let (_, described) = self.call("DescribeSecret", arn).await?;
        let versions = described["VersionIdsToStages"].as_object().into_iter().flatten();
        let is_pending = |labels: &Value| {
            let labels = labels.as_array().into_iter().flatten();
            labels.into_iter().any(|label| label == "AWSPENDING")
        };
        let pending = versions.into_iter().find(|(_, labels)| is_pending(labels));
        let pending = pending.map(|(version, _)| version.clone());
        pending.ok_or_else(|| RotateError::Refused(begun["Message"].to_string()))
    }

    async fn call(&self, operation: &str, arn: &str) -> Result<(StatusCode, Value), RotateError> {
        let body = json!({ "SecretId": arn }).to_string();
        let request = self.client.post(&self.url).body(body);
        let request = request.header("x-amz-target", format!("secretsmanager.{operation}"));
        let answer = request.header("content-type", "application/x-amz-json-1.1").send().await?;
        let status = answer.status();
        Ok((status, serde_json::from_str(&answer.text().await?).unwrap_or_default()))
    }
}
