//! What the Secrets Manager inside does not do by the book, put right around it: `RotateSecret`
//! gives a version that has no value yet the label `AWSPENDING`, and nothing else (inside, it
//! copies the current value); `UpdateSecretVersionStage` does not take a label from a version
//! that was not named.
//!
//! The function that rotates is not called here: see [`crate::Stack::rotate`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::moment;
use crate::template::Secret;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// How each secret rotates, by its name; secrets without a function are not there.
#[derive(Debug, Default)]
pub(super) struct Rotations(Mutex<BTreeMap<String, Rotation>>);

#[derive(Debug)]
struct Rotation {
    enabled: bool,
    /// A version that has the label `AWSPENDING` and no value yet.
    empty: Option<String>,
}

/// What the service refuses, as it says it.
pub(super) struct Refusal(&'static str, String);

impl From<Refusal> for Response {
    fn from(Refusal(code, message): Refusal) -> Self {
        (StatusCode::BAD_REQUEST, Json(json!({ "__type": code, "Message": message }))).into_response()
    }
}

impl Rotations {
    pub(super) fn begin_with(&self, secrets: &[Secret]) {
        let rotating = secrets.iter().filter(|secret| secret.rotated_by.is_some());
        let rotation = |secret: &Secret| (secret.name(), Rotation { enabled: true, empty: None });
        *self.all() = rotating.map(rotation).collect();
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Rotation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `RotateSecret`: the identifier of the version that is to come. `described` is what
    /// `DescribeSecret` answers.
    pub(super) fn begin(&self, described: &Value, token: Option<&str>) -> Result<Value, Refusal> {
        let mut all = self.all();
        let refused = |message: &str| Refusal("InvalidRequestException", message.to_owned());
        let rotation = all.get_mut(name(described));
        let rotation = rotation
            .ok_or_else(|| refused("No Lambda rotation function ARN is associated with this secret."))?;
        let pending = rotation.empty.clone().or(holder(described, PENDING));
        if pending.is_some() && pending != holder(described, CURRENT) {
            return Err(refused("A previous rotation isn't complete. That rotation will be reattempted."));
        }
        let token = token.map_or_else(moment::request_id, str::to_owned);
        rotation.enabled = true;
        rotation.empty = Some(token.clone());
        Ok(json!({ "ARN": described["ARN"], "Name": described["Name"], "VersionId": token }))
    }

    /// `CancelRotateSecret`: no more rotations; labels stay where they are.
    pub(super) fn cancel(&self, described: &Value) -> Value {
        if let Some(rotation) = self.all().get_mut(name(described)) {
            rotation.enabled = false;
        }
        json!({ "ARN": described["ARN"], "Name": described["Name"] })
    }

    /// `DescribeSecret` with what is known here.
    pub(super) fn describe(&self, mut described: Value) -> Value {
        let all = self.all();
        let Some(rotation) = all.get(name(&described)) else { return described };
        described["RotationEnabled"] = rotation.enabled.into();
        if let Some(empty) = &rotation.empty {
            let versions = described["VersionIdsToStages"].as_object_mut();
            for labels in versions.into_iter().flat_map(|versions| versions.values_mut()) {
                labels.as_array_mut().into_iter().for_each(|labels| labels.retain(|label| label != PENDING));
            }
            described["VersionIdsToStages"][empty] = json!([PENDING]);
        }
        described
    }

    /// Whether `UpdateSecretVersionStage` may be made; what it answers where the version is one
    /// without a value.
    pub(super) fn may_move(&self, described: &Value, input: &Value) -> Result<Option<Value>, Refusal> {
        let refused = |message: String| Refusal("InvalidParameterException", message);
        let described = self.describe(described.clone());
        let label = input["VersionStage"].as_str().unwrap_or_default();
        let (from, to) = (input["RemoveFromVersionId"].as_str(), input["MoveToVersionId"].as_str());
        let holder = holder(&described, label);
        if let Some(holder) = &holder
            && from.is_none()
            && to != Some(holder)
        {
            return Err(refused(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to \
                 version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        if let Some(from) = from.filter(|from| holder.as_deref() != Some(*from)) {
            return Err(refused(format!("Staging label {label} isn't attached to version {from}.")));
        }
        let mut all = self.all();
        let rotation =
            all.get_mut(name(&described)).filter(|rotation| label == PENDING && rotation.empty.is_some());
        Ok(rotation.map(|rotation| {
            rotation.empty = None;
            json!({ "ARN": described["ARN"], "Name": described["Name"] })
        }))
    }

    /// A version of the secret has a value, and the label with it.
    pub(super) fn has_value(&self, answer: &Value) {
        if let Some(rotation) = self.all().get_mut(name(answer))
            && rotation.empty.as_deref() == answer["VersionId"].as_str()
        {
            rotation.empty = None;
        }
    }
}

fn name(described: &Value) -> &str {
    described["Name"].as_str().unwrap_or_default()
}

fn holder(described: &Value, label: &str) -> Option<String> {
    let versions = described["VersionIdsToStages"].as_object()?;
    let has = |labels: &Value| labels.as_array().is_some_and(|labels| labels.iter().any(|one| one == label));
    versions.iter().find(|(_, labels)| has(labels)).map(|(version, _)| version.clone())
}
