//! The queues. The stack itself calls them without HTTP, through [`Queues::call`].

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::dispatch::dispatch_operation;
use rustack_sqs_http::response::error_to_response;
use rustack_sqs_http::router::resolve_operation;
use serde_json::{Value, json};

use super::faults::Faults;
use super::route::answer_json;
use super::{Service, ServiceError};
use crate::template::{ACCOUNT_ID, Queue, REGION};

/// The prefix of `x-amz-target`.
pub(super) const TARGET: &str = "AmazonSQS.";

/// A handle on the queues; clones are the same queues.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    handler: Arc<RustackSqsHandler>,
    url: Arc<str>,
    faults: Faults,
}

impl Queues {
    /// Queues whose URLs start with `url`.
    pub(super) fn at(url: &str, faults: Faults) -> Queues {
        let authority = url.trim_start_matches("http://");
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        let provider = RustackSqs::new(SqsConfig {
            skip_signature_validation: true,
            default_region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
            host: host.to_owned(),
            port: port.parse().unwrap_or(80),
        });
        let handler = Arc::new(RustackSqsHandler::new(Arc::new(provider)));
        Queues { handler, url: url.into(), faults }
    }

    /// Whether SQS gives no answer: then it hands out nothing either.
    pub(crate) fn is_away(&self) -> bool {
        self.faults.is_away(Service::Sqs)
    }

    /// The URL of the queue with that name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{name}", self.url)
    }

    /// The URL of the queue with that ARN.
    pub(crate) fn url_of_arn(&self, arn: &str) -> String {
        self.url(arn.rsplit(':').next().unwrap_or(arn))
    }

    /// Makes the queues of a template.
    pub(super) async fn make(&self, queues: &[Queue]) -> Result<(), ServiceError> {
        for queue in queues {
            let mut attributes = json!({
                "VisibilityTimeout": queue.visibility_timeout_seconds.to_string(),
                "DelaySeconds": queue.delay_seconds.to_string(),
                "MessageRetentionPeriod": queue.retention_seconds.to_string(),
            });
            if let Some(redrive) = &queue.redrive {
                let policy = json!({
                    "deadLetterTargetArn": redrive.target_arn,
                    "maxReceiveCount": redrive.receives_max,
                });
                attributes["RedrivePolicy"] = policy.to_string().into();
            }
            let input = json!({ "QueueName": queue.name(), "Attributes": attributes });
            self.call("CreateQueue", &queue.id, input).await?;
        }
        Ok(())
    }

    /// One call, without HTTP. `resource` is for the message when it fails.
    pub(crate) async fn call(
        &self,
        operation: &str,
        resource: &str,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let refused = |reason: String| ServiceError::Refused {
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            reason,
        };
        let target = HeaderValue::try_from(format!("{TARGET}{operation}"));
        let target = target.map_err(|error| refused(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", target);
        let answer = self.answer(&headers, input.to_string().into()).await;
        answer_json(answer).await.map_err(refused)
    }

    /// One call as it came over HTTP.
    pub(super) async fn answer(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let answered = match resolve_operation(headers) {
            Ok(operation) => dispatch_operation(self.handler.as_ref(), operation, body).await,
            Err(error) => Err(error),
        };
        let response = answered.unwrap_or_else(|error| error_to_response(&error, "local"));
        response.map(axum::body::Body::new)
    }
}

/// Fair queues: AWS takes a `MessageGroupId` on standard queues, the SQS inside does not.
pub(super) fn without_group(operation: &str, body: Bytes) -> Bytes {
    if operation != "SendMessage" && operation != "SendMessageBatch" {
        return body;
    }
    let Ok(mut input) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if let Some(input) = input.as_object_mut() {
        input.remove("MessageGroupId");
    }
    let entries = input.get_mut("Entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("MessageGroupId");
        }
    }
    input.to_string().into()
}
