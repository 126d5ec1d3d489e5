//! The HTTP API: requests become events of payload format 2.0, results become
//! answers, with the gateway's own limits and messages.
//!
//! Not emulated: JWT authorizers and payload format 1.0, stages other than `$default`,
//! throttling, access logs.

mod answer;
mod authorize;
mod cors;
mod event;
mod listen;
mod route;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use axum::serve::ListenerExt as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::lambda::{InvokeError, Lambda};
use crate::mail::{self, Mailbox};
use crate::moment;
use crate::rotation::{self, Rotations};
use crate::services::faults::{self, Faults};
use crate::template::{Authorizers, Cors};

use answer::message;
use authorize::Guards;
pub(crate) use listen::{listen, url};
use route::Routes;

/// The gateway refuses larger requests.
const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Answers 200 to everything: a receiver for trying webhooks out by hand.
pub(crate) const RECEIVER_PATH: &str = "/_local/receiver";

/// The gateway waits this long for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A running gateway; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// One task per listener, aborted with this.
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Api {
    routes: Routes,
    guards: Guards,
    cors: Option<Cors>,
    integration_timeout: Duration,
}

impl Gateway {
    pub(crate) fn start(
        listeners: Vec<TcpListener>,
        lambdas: &[Lambda],
        (authorizers, asked): (&Authorizers, Vec<Lambda>),
        cors: Option<&Cors>,
        (mailbox, faults, rotations): (Mailbox, Faults, Rotations),
    ) -> Gateway {
        let api = Api {
            routes: Routes::of(lambdas),
            guards: Guards::new(authorizers.clone(), asked),
            cors: cors.cloned(),
            integration_timeout: INTEGRATION_TIMEOUT,
        };
        let app = Router::new()
            .route(RECEIVER_PATH, any(async || message(StatusCode::OK, "received")))
            .route(rotation::PATH, post(async move || rotate(&rotations).await))
            .merge(mail::page::router(mailbox))
            .fallback(call)
            .with_state(Arc::new(api))
            .merge(faults::router(faults));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let mut serving = JoinSet::new();
        for listener in listeners {
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            let app = app.clone();
            serving.spawn(async move { drop(axum::serve(listener, app).await) });
        }
        Gateway { _serving: serving }
    }
}

async fn rotate(rotations: &Rotations) -> Response {
    match rotations.run().await {
        Ok(versions) => axum::Json(json!({ "rotated": versions })).into_response(),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn call(
    State(api): State<Arc<Api>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request_id = moment::request_id();
    let origin = request.headers().get("origin").cloned();
    let mut response = match &api.cors {
        Some(cors) if cors::is_preflight(&request) => cors::preflight(cors, &request),
        _ => integrate(&api, client, request, &request_id).await,
    };
    if let Some(cors) = &api.cors {
        cors::apply(cors, origin.as_ref(), response.headers_mut());
    }
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("apigw-requestid", request_id);
    }
    response
}

async fn integrate(api: &Api, client: SocketAddr, request: Request, request_id: &str) -> Response {
    let (parts, body) = request.into_parts();
    let Some(matched) = api.routes.find(&parts.method, parts.uri.path()) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let event = event::Incoming { parts: &parts, body: &body, client, request_id, time: moment::now() };
    let mut event = event.json(&matched);
    match api.guards.ask(&matched, &parts, &event).await {
        Ok(Some(context)) => event["requestContext"]["authorizer"] = json!({ "lambda": context }),
        Ok(None) => {}
        Err(refused) => return refused,
    }
    let event = Bytes::from(event.to_string());
    let invoked = tokio::time::timeout(api.integration_timeout, matched.lambda.invoke(event));
    match invoked.await {
        Ok(Ok(result)) => answer::from_result(&result),
        Ok(Err(InvokeError::TooLarge)) if body.len() > crate::lambda::PAYLOAD_BYTES_MAX / 2 => {
            message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
        }
        Ok(Err(_)) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}
