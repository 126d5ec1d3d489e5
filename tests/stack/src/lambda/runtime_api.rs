//! The Runtime API of one instance, at an address of its own: where a function asks
//! for its next invocation and says how it went.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::instance::Instance;
use super::{InvokeError, Lambda, PAYLOAD_BYTES_MAX};
use crate::moment;

#[derive(Clone)]
struct Session {
    lambda: Lambda,
    instance: Arc<Instance>,
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, lambda: Lambda, instance: Arc<Instance>) {
    let api = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{request_id}/response", post(response))
        .route("/invocation/{request_id}/error", post(error))
        .route("/init/error", post(init_error))
        .with_state(Session { lambda, instance });
    let app = Router::new().nest("/2018-06-01/runtime", api);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    drop(axum::serve(listener, app).await);
}

async fn next(State(session): State<Session>) -> Response {
    session.instance.asks();
    let mut job = session.lambda.next_job(&session.instance).await;
    let function = session.lambda.function();
    let now_ms = moment::unix_ms(moment::now());
    let deadline_ms = now_ms + i64::from(function.timeout_seconds) * 1000;
    if let Err(reply) = session.instance.begins(&job.request_id, job.reply) {
        job.reply = reply;
        session.lambda.dispatch(job);
        return StatusCode::GONE.into_response();
    }
    drop(job.taken.send(Arc::clone(&session.instance)));
    let headers = [
        ("lambda-runtime-aws-request-id", job.request_id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", function.arn()),
        ("lambda-runtime-trace-id", job.trace_id),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
    (headers, job.payload).into_response()
}

async fn response(
    State(session): State<Session>,
    Path(request_id): Path<String>,
    request: Request,
) -> Response {
    let result = to_bytes(request.into_body(), PAYLOAD_BYTES_MAX).await;
    let result = result.map_err(|_| InvokeError::TooLarge);
    let is_too_large = result.is_err();
    let Some(reply) = session.instance.finishes(&request_id) else {
        return unknown(&request_id);
    };
    drop(reply.send(result));
    if is_too_large {
        let error = json!({
            "errorType": "RequestEntityTooLarge",
            "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
        });
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(error)).into_response();
    }
    accepted()
}

async fn error(State(session): State<Session>, Path(request_id): Path<String>, body: Bytes) -> Response {
    let Some(reply) = session.instance.finishes(&request_id) else {
        return unknown(&request_id);
    };
    drop(reply.send(Err(InvokeError::Failed(message(&body)))));
    accepted()
}

async fn init_error(State(session): State<Session>, body: Bytes) -> Response {
    session.instance.init_failed(message(&body));
    accepted()
}

/// `errorType: errorMessage`, or the body where it has neither.
fn message(body: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match (error["errorType"].as_str(), error["errorMessage"].as_str()) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn unknown(request_id: &str) -> Response {
    let error = json!({
        "errorType": "InvalidRequestID",
        "errorMessage": format!("no invocation {request_id} is running"),
    });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}
