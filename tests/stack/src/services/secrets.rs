//! The secrets. With a state directory they are kept in `secrets.json`, which only
//! its owner can read.
//!
//! An ARN here never changes, so that an environment that was copied stays right;
//! the Secrets Manager inside makes a new one at every start. So ours is turned into
//! the secret's name on the way in, and put into the answer on the way out. Rotations
//! are in [`stages`].

mod stages;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use rustack_secretsmanager_core::config::SecretsManagerConfig;
use rustack_secretsmanager_core::handler::RustackSecretsManagerHandler;
use rustack_secretsmanager_core::provider::RustackSecretsManager;
use rustack_secretsmanager_http::dispatch::dispatch_operation;
use rustack_secretsmanager_http::response::error_to_response;
use rustack_secretsmanager_http::router::resolve_operation;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::route::answer_json;
use super::{ServiceError, State};
use crate::kept;
use crate::template::{ACCOUNT_ID, REGION, Secret};

use stages::Rotations;

/// The prefix of `x-amz-target`.
pub(super) const TARGET: &str = "secretsmanager.";

/// Restored in this order, each as the current one, so that the labels move as they did.
const STAGES: [&str; 3] = ["AWSPREVIOUS", "AWSCURRENT", "AWSPENDING"];

/// A handle on the secrets; clones are the same secrets.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    handler: Arc<RustackSecretsManagerHandler>,
    file: Option<Arc<PathBuf>>,
    rotations: Arc<Rotations>,
    /// Held by a call that looks at labels and then changes them.
    turn: Arc<Mutex<()>>,
}

/// A version in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    stage: String,
    version_id: String,
    value: String,
}

impl Secrets {
    pub(super) fn kept_in(state: &State) -> Secrets {
        let provider = RustackSecretsManager::new(SecretsManagerConfig {
            skip_signature_validation: true,
            default_region: REGION.to_owned(),
            default_account_id: ACCOUNT_ID.to_owned(),
        });
        let file = match state {
            State::Memory => None,
            State::Directory(path) => Some(Arc::new(path.join("secrets.json"))),
        };
        let handler = Arc::new(RustackSecretsManagerHandler::new(Arc::new(provider)));
        Secrets { handler, file, rotations: Arc::default(), turn: Arc::default() }
    }

    /// Restores what the file has, makes what it has not.
    pub(super) async fn make(&self, secrets: &[Secret]) -> Result<(), ServiceError> {
        let mut kept = self.read()?;
        self.rotations.begin_with(secrets);
        for secret in secrets {
            let name = secret.name();
            self.call("CreateSecret", &secret.id, json!({ "Name": name })).await?;
            let versions = match kept.remove(&name) {
                Some(versions) => versions,
                None => vec![self.generate(secret).await?],
            };
            for version in versions {
                let stage = if version.stage == "AWSPENDING" { "AWSPENDING" } else { "AWSCURRENT" };
                let mut input = json!({
                    "SecretId": name,
                    "SecretString": version.value,
                    "VersionStages": [stage],
                });
                if !version.version_id.is_empty() {
                    input["ClientRequestToken"] = version.version_id.into();
                }
                self.call("PutSecretValue", &secret.id, input).await?;
            }
        }
        self.write().await
    }

    /// A first version, as `GenerateSecretString` describes it.
    async fn generate(&self, secret: &Secret) -> Result<Kept, ServiceError> {
        let value = if let Some(fixed) = &secret.fixed {
            fixed.clone()
        } else {
            let password = self.call("GetRandomPassword", &secret.id, secret.password.clone());
            let password = password.await?["RandomPassword"].take();
            match &secret.template {
                None => password.as_str().unwrap_or_default().to_owned(),
                Some((object, key)) => {
                    let mut object = object.clone();
                    object[key] = password;
                    object.to_string()
                }
            }
        };
        Ok(Kept { stage: "AWSCURRENT".to_owned(), version_id: String::new(), value })
    }

    async fn call(&self, operation: &str, resource: &str, input: Value) -> Result<Value, ServiceError> {
        let refused = |reason: String| ServiceError::Refused {
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            reason,
        };
        let target = HeaderValue::try_from(format!("{TARGET}{operation}"));
        let target = target.map_err(|error| refused(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", target);
        let answer = self.dispatch(&headers, input.to_string().into()).await;
        answer_json(answer).await.map_err(refused)
    }

    /// One call as it came over HTTP.
    pub(super) async fn answer(&self, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let body = by_name(body);
        let _turn = self.turn.lock().await;
        let input: Value = serde_json::from_slice(&body).unwrap_or_default();
        let ours = match operation {
            "RotateSecret" | "CancelRotateSecret" | "UpdateSecretVersionStage" => {
                let id = input["SecretId"].as_str().unwrap_or_default();
                match self.call("DescribeSecret", id, json!({ "SecretId": id })).await {
                    Ok(described) => self.of_rotation(operation, &described, &input),
                    // The call itself says what is wrong.
                    Err(_) => None,
                }
            }
            _ => None,
        };
        match ours {
            Some(answer) => answer,
            None => self.answer_inside(operation, headers, body).await,
        }
    }

    /// What a call about a rotation is answered with; nothing where the service inside does it right.
    fn of_rotation(&self, operation: &str, described: &Value, input: &Value) -> Option<Response> {
        let answer = match operation {
            "RotateSecret" => {
                let token = input["ClientRequestToken"].as_str();
                self.rotations.begin(described, token).map(Some)
            }
            "CancelRotateSecret" => Ok(Some(self.rotations.cancel(described))),
            _ => self.rotations.may_move(described, input),
        };
        match answer {
            Ok(answer) => answer.map(|answer| Json(with_stable_arn(answer)).into_response()),
            Err(refusal) => Some(refusal.into()),
        }
    }

    async fn answer_inside(&self, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let answer = self.dispatch(headers, body).await;
        if !answer.status().is_success() {
            return answer;
        }
        let reads = ["Get", "List", "Describe", "Batch", "Validate"];
        if !reads.iter().any(|read| operation.starts_with(read))
            && let Err(error) = self.write().await
        {
            eprintln!("[secrets] {error}");
        }
        let body = match answer_json(answer).await {
            Ok(body) => body,
            Err(error) => return error.into_response(),
        };
        let body = match operation {
            "DescribeSecret" => self.rotations.describe(body),
            "PutSecretValue" => {
                self.rotations.has_value(&body);
                body
            }
            _ => body,
        };
        Json(with_stable_arn(body)).into_response()
    }

    async fn dispatch(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let answered = match resolve_operation(headers) {
            Ok(operation) => dispatch_operation(self.handler.as_ref(), operation, body).await,
            Err(error) => Err(error),
        };
        let response = answered.unwrap_or_else(|error| error_to_response(&error, "local"));
        response.map(axum::body::Body::new)
    }

    fn read(&self) -> Result<BTreeMap<String, Vec<Kept>>, ServiceError> {
        let Some(path) = self.file.as_deref() else {
            return Ok(BTreeMap::new());
        };
        let kept = kept::read(path).map_err(|source| ServiceError::State { path: path.clone(), source });
        Ok(kept?.unwrap_or_default())
    }

    async fn write(&self) -> Result<(), ServiceError> {
        let Some(path) = self.file.as_deref() else {
            return Ok(());
        };
        let listed = self.call("ListSecrets", "all", json!({})).await?;
        let mut all = BTreeMap::new();
        let names = listed["SecretList"].as_array().into_iter().flatten();
        for name in names.filter_map(|secret| secret["Name"].as_str()) {
            all.insert(name.to_owned(), self.versions(name).await);
        }
        kept::write(path, &all).map_err(|source| ServiceError::State { path: path.clone(), source })
    }

    /// The versions that a label points to. A label without a version is an error inside.
    async fn versions(&self, name: &str) -> Vec<Kept> {
        let mut versions = Vec::new();
        for stage in STAGES {
            let input = json!({ "SecretId": name, "VersionStage": stage });
            if let Ok(version) = self.call("GetSecretValue", name, input).await
                && let Some(value) = version["SecretString"].as_str()
            {
                versions.push(Kept {
                    stage: stage.to_owned(),
                    version_id: version["VersionId"].as_str().unwrap_or_default().to_owned(),
                    value: value.to_owned(),
                });
            }
        }
        versions
    }
}

fn arn_prefix() -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:")
}

/// Our ARN as the name it holds.
fn by_name(body: Bytes) -> Bytes {
    let Ok(mut input) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let id = input["SecretId"].as_str().unwrap_or_default();
    let name = id.strip_prefix(&arn_prefix()).and_then(|rest| rest.strip_suffix("-local0"));
    match name.map(str::to_owned) {
        Some(name) => {
            input["SecretId"] = name.into();
            input.to_string().into()
        }
        None => body,
    }
}

fn with_stable_arn(mut answer: Value) -> Value {
    if let (Some(name), true) = (answer["Name"].as_str(), answer["ARN"].is_string()) {
        answer["ARN"] = format!("{}{name}-local0", arn_prefix()).into();
    }
    answer
}
