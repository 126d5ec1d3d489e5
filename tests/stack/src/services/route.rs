//! One route for SQS and Secrets Manager, which both name the operation in
//! `x-amz-target`.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;

use super::queues::{self, Queues};
use super::secrets::{self, Secrets};

/// Batches are at most 1 MiB on AWS; JSON escapes can double that.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Clone)]
struct Both {
    queues: Queues,
    secrets: Secrets,
}

/// The one route. Queue URLs are called too, by old clients.
pub(super) fn router(queues: Queues, secrets: Secrets) -> Router {
    Router::new()
        .route("/", post(call))
        .route("/{account}/{queue}", post(call))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Both { queues, secrets })
}

async fn call(State(both): State<Both>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default();
    if let Some(operation) = target.strip_prefix(queues::TARGET) {
        let body = queues::without_group(operation, body);
        both.queues.answer(&headers, body).await
    } else if let Some(operation) = target.strip_prefix(secrets::TARGET) {
        both.secrets.answer(operation, &headers, body).await
    } else {
        let message = "SQS and Secrets Manager answer here, by `x-amz-target`, and SES below /v2";
        (StatusCode::BAD_REQUEST, message).into_response()
    }
}

/// The JSON of an answer, or the message of a refusal.
pub(super) async fn answer_json(answer: Response) -> Result<Value, String> {
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let message = body["message"].as_str().or(body["Message"].as_str());
    Err(message.unwrap_or("refused without a reason").to_owned())
}
