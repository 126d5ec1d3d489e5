//! Faults of the services, on the real wire: answers that AWS gives when it is in trouble, time that passes,
//! connections that end without an answer, before a call takes effect or after.
//!
//! They are set while everything runs: by [`Faults::set`], or over HTTP at [`PATH`] of the gateway and of the
//! server of SQS. Chance plays no part: of a rate of 250, every fourth call is hit.
//!
//! Not emulated: a port that refuses connections (they are taken, and end without an answer); throttling by
//! table or key. What the stack itself does with its queues does not go over HTTP, so of SQS only *away* stops it
//! from handing out messages, and what was handed out is deleted all the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Service;
use super::cut::Cut;

/// A path that shows the faults, and takes others with PUT.
pub const PATH: &str = "/_local/faults";

/// What is wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens to a call that is hit.
    pub kind: FaultKind,
    /// How many of a thousand calls are hit.
    #[serde(default = "all")]
    pub per_mille: u32,
    /// How long every call takes longer, in milliseconds.
    #[serde(default)]
    pub latency_ms: u64,
}

fn all() -> u32 {
    1000
}

impl Fault {
    /// All calls are hit, at once.
    pub fn of(kind: FaultKind) -> Fault {
        Fault { kind, per_mille: all(), latency_ms: 0 }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It is refused because there are too many: nothing is done.
    Throttled,
    /// It is answered with 500: nothing is done.
    Failing,
    /// It is answered with 503: nothing is done.
    Unavailable,
    /// Its connection ends without an answer: nothing is done.
    Away,
    /// It is done, and its connection ends without an answer.
    Lost,
    /// Nothing but that it takes longer.
    Slow,
}

/// What is wrong with every service; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<[Plan; 4]>>);

#[derive(Debug, Clone, Copy, Default)]
struct Plan {
    fault: Option<Fault>,
    /// Thousandths of a hit that calls have added up to.
    due: u32,
    hits: u64,
}

/// The faults as they are written: by the services' names, those that have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    dynamodb: Option<Fault>,
    #[serde(default)]
    sqs: Option<Fault>,
    #[serde(default)]
    secretsmanager: Option<Fault>,
    #[serde(default)]
    ses: Option<Fault>,
}

impl Faults {
    fn with<T>(&self, service: Service, work: impl FnOnce(&mut Plan) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)[service as usize])
    }

    /// From now on this is wrong with a service, or nothing.
    pub fn set(&self, service: Service, fault: Option<Fault>) {
        self.with(service, |plan| *plan = Plan { fault, due: 0, ..*plan });
    }

    /// How many calls to a service were hit since the start.
    pub fn hits(&self, service: Service) -> u64 {
        self.with(service, |plan| plan.hits)
    }

    /// Whether no call to a service gets an answer.
    pub(crate) fn is_away(&self, service: Service) -> bool {
        let away = |fault: Fault| fault.kind == FaultKind::Away && fault.per_mille >= 1000;
        self.with(service, |plan| plan.fault.is_some_and(away))
    }

    /// What happens to the next call.
    fn strike(&self, service: Service) -> (Duration, Option<FaultKind>) {
        self.with(service, |plan| {
            let Some(fault) = plan.fault else { return (Duration::ZERO, None) };
            plan.due += fault.per_mille.min(1000);
            let hit = plan.due >= 1000 && fault.kind != FaultKind::Slow;
            plan.due %= 1000;
            plan.hits += u64::from(hit);
            (Duration::from_millis(fault.latency_ms), hit.then_some(fault.kind))
        })
    }

    fn written(&self) -> Written {
        let of = |service| self.with(service, |plan| plan.fault);
        Written {
            dynamodb: of(Service::DynamoDb),
            sqs: of(Service::Sqs),
            secretsmanager: of(Service::SecretsManager),
            ses: of(Service::Ses),
        }
    }

    fn set_all(&self, all: Written) {
        self.set(Service::DynamoDb, all.dynamodb);
        self.set(Service::Sqs, all.sqs);
        self.set(Service::SecretsManager, all.secretsmanager);
        self.set(Service::Ses, all.ses);
    }

    /// `dynamodb=away`, for the command line; what is wrong with others stays.
    pub fn set_as_said(&self, text: &str) -> Result<(), String> {
        let expected = || {
            format!(
                "`{text}`: expected dynamodb, sqs, secretsmanager or ses, `=`, and throttled, failing, unavailable, away or lost"
            )
        };
        let (service, kind) = text.split_once('=').ok_or_else(expected)?;
        let fault: Fault = serde_json::from_value(json!({ "kind": kind })).map_err(|_| expected())?;
        let mut all = json!(self.written());
        all[service] = json!(fault);
        self.set_all(serde_json::from_value(all).map_err(|_| expected())?);
        Ok(())
    }
}

/// Shows the faults and changes them: all of them at once, those that are not named end.
pub(crate) fn router(faults: Faults) -> Router {
    let show = |State(faults): State<Faults>| async move { Json(faults.written()) };
    let set = |State(faults): State<Faults>, body: axum::body::Bytes| async move {
        match serde_json::from_slice(&body) {
            Ok(all) => {
                faults.set_all(all);
                Json(faults.written()).into_response()
            }
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        }
    };
    Router::new().route(PATH, get(show).put(set)).with_state(faults)
}

/// Whom a call is for: DynamoDB, SQS and Secrets Manager name the operation, SES has a path.
fn service_of(request: &Request) -> Option<Service> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.unwrap_or_default().split('.').next() {
        Some("DynamoDB_20120810") => Some(Service::DynamoDb),
        Some("AmazonSQS") => Some(Service::Sqs),
        Some("secretsmanager") => Some(Service::SecretsManager),
        _ if request.uri().path().starts_with("/v2/email/") => Some(Service::Ses),
        _ => None,
    }
}

/// Lets a call through, or does to it what is wrong with its service.
pub(super) async fn apply(
    State(faults): State<Faults>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
    next: Next,
) -> Response {
    let Some(service) = service_of(&request) else { return next.run(request).await };
    let (latency, hit) = faults.strike(service);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match hit {
        None | Some(FaultKind::Slow) => next.run(request).await,
        Some(FaultKind::Throttled) => throttled(service),
        Some(FaultKind::Failing) => failed(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Some(FaultKind::Unavailable) => failed(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        Some(FaultKind::Away) => {
            cut.now();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(FaultKind::Lost) => {
            let answer = next.run(request).await;
            cut.now();
            answer
        }
    }
}

fn throttled(service: Service) -> Response {
    match service {
        Service::DynamoDb => failed(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException"),
        Service::Sqs => failed(StatusCode::BAD_REQUEST, "RequestThrottled"),
        Service::SecretsManager => failed(StatusCode::BAD_REQUEST, "ThrottlingException"),
        Service::Ses => failed(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
    }
}

/// The error where both kinds of clients look for it: in the body, and in a header.
fn failed(status: StatusCode, kind: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(kind));
    let body = json!({ "__type": kind, "message": "a fault of the local stack" });
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_rate_every_so_many_calls_are_hit() {
        let faults = Faults::default();
        let hits = |calls| (0..calls).filter(|_| faults.strike(Service::Sqs).1.is_some()).count();
        assert_eq!(hits(4), 0);
        faults.set(Service::Sqs, Some(Fault { per_mille: 250, ..Fault::of(FaultKind::Failing) }));
        assert_eq!((hits(1000), faults.hits(Service::Sqs), faults.hits(Service::Ses)), (250, 250, 0));
        assert!(!faults.is_away(Service::Sqs));
        faults.set(Service::Sqs, Some(Fault::of(FaultKind::Away)));
        assert!(faults.is_away(Service::Sqs) && !faults.is_away(Service::DynamoDb));
        faults.set(Service::Sqs, None);
        assert_eq!(hits(4), 0);
    }

    #[test]
    fn what_the_command_line_says_is_understood_or_named() {
        let faults = Faults::default();
        faults.set_as_said("dynamodb=throttled").unwrap();
        let written = json!({
            "dynamodb": { "kind": "throttled", "per_mille": 1000, "latency_ms": 0 },
            "sqs": null, "secretsmanager": null, "ses": null,
        });
        assert_eq!(serde_json::to_value(faults.written()).unwrap(), written);
        for odd in ["dynamodb", "s3=away", "sqs=gone", "=", ""] {
            assert!(faults.set_as_said(odd).unwrap_err().starts_with(&format!("`{odd}`: expected")), "{odd}");
        }
    }
}
