//! Before a route: its authorizer is asked, or what it said of the same identity a moment ago is used.
//!
//! As on AWS: a request without one of the identity sources is refused with 401 and asks nobody; a verdict is
//! kept by the values of the identity sources, whatever else the request has.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::message;
use super::route::Matched;
use crate::lambda::Lambda;
use crate::template::{ACCOUNT_ID, Authorizer, Authorizers, IdentitySource, REGION};

/// The gateway waits this long for an authorizer.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Guards {
    authorizers: Authorizers,
    /// By the ARN of their function.
    lambdas: Vec<Lambda>,
    kept: Mutex<HashMap<Asked, (Instant, Verdict)>>,
}

/// An authorizer, and the values of its identity sources.
type Asked = (String, Vec<String>);

#[derive(Debug, Clone)]
struct Verdict {
    allowed: bool,
    context: Value,
}

impl Guards {
    pub(super) fn new(authorizers: Authorizers, lambdas: Vec<Lambda>) -> Guards {
        Guards { authorizers, lambdas, kept: Mutex::default() }
    }

    /// What a function behind the authorizer learns of the caller; `None` for routes without one. `event` is
    /// what the function would be called with.
    pub(super) async fn ask(
        &self,
        matched: &Matched<'_>,
        parts: &Parts,
        event: &Value,
    ) -> Result<Option<Value>, Response> {
        let Some(authorizer) = self.of(matched) else { return Ok(None) };
        let sources = authorizer.identity.iter().map(|source| value(source, matched, parts, event));
        let Some(identity) = sources.collect::<Option<Vec<_>>>() else {
            return Err(message(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let key = (authorizer.name.clone(), identity);
        let verdict = if let Some(verdict) = self.kept(authorizer, &key) {
            verdict
        } else {
            let verdict = self.call(authorizer, &key.1, event).await;
            let failed = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            let verdict = verdict.ok_or_else(failed)?;
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(key, (Instant::now(), verdict.clone()));
            verdict
        };
        if verdict.allowed {
            Ok(Some(verdict.context))
        } else {
            Err(message(StatusCode::FORBIDDEN, "Forbidden"))
        }
    }

    fn of(&self, matched: &Matched<'_>) -> Option<&Authorizer> {
        match matched.authorizer.or(self.authorizers.default.as_deref()) {
            None | Some("NONE") => None,
            Some(name) => self.authorizers.named(name),
        }
    }

    fn kept(&self, authorizer: &Authorizer, key: &Asked) -> Option<Verdict> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, verdict) = kept.get(key)?;
        let fresh = at.elapsed() < Duration::from_secs(authorizer.ttl_seconds.into());
        fresh.then(|| verdict.clone())
    }

    async fn call(&self, authorizer: &Authorizer, identity: &[String], event: &Value) -> Option<Verdict> {
        let lambda = self.lambdas.iter().find(|lambda| lambda.function().arn() == authorizer.function_arn)?;
        let mut event = event.clone();
        let fields = event.as_object_mut()?;
        fields.remove("body");
        fields.remove("isBase64Encoded");
        event["type"] = "REQUEST".into();
        event["identitySource"] = json!(identity);
        let (method, path) = (&event["requestContext"]["http"]["method"], &event["rawPath"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        event["routeArn"] = format!(
            "arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:local/$default/{}{}",
            text(method),
            text(path)
        )
        .into();
        let invoked = lambda.invoke(Bytes::from(event.to_string()));
        let answer = tokio::time::timeout(TIMEOUT, invoked).await.ok()?.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        Some(Verdict { allowed: answer["isAuthorized"].as_bool()?, context: answer["context"].clone() })
    }
}

/// Nothing where the request lacks it.
fn value(source: &IdentitySource, matched: &Matched<'_>, parts: &Parts, event: &Value) -> Option<String> {
    match source {
        IdentitySource::Header(name) => {
            let text = parts.headers.get(name)?.to_str().ok()?;
            (!text.is_empty()).then(|| text.to_owned())
        }
        IdentitySource::Context(name) if name == "routeKey" => Some(matched.key.clone()),
        IdentitySource::Context(name) if name == "httpMethod" => Some(parts.method.to_string()),
        IdentitySource::Context(name) if name == "path" => Some(parts.uri.path().to_owned()),
        IdentitySource::Context(name) if name == "identity.sourceIp" => {
            event["requestContext"]["http"]["sourceIp"].as_str().map(str::to_owned)
        }
        IdentitySource::Context(_) => None,
    }
}
