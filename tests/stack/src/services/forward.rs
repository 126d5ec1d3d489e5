//! Hands calls on to a server that cannot have faults itself: the tables', which brings its own routes.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// `DynamoDB` takes bodies up to 16 MiB.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Clone)]
struct Inside {
    client: reqwest::Client,
    url: String,
}

/// Everything goes to `address`, on this machine.
pub(super) fn router(address: SocketAddr) -> Router {
    // Whatever the environment says of proxies: it is on this machine.
    let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
    Router::new().fallback(call).with_state(Inside { client, url: format!("http://{address}") })
}

async fn call(State(inside): State<Inside>, request: Request) -> Response {
    hand_on(&inside, request).await.unwrap_or_else(|why| (StatusCode::BAD_GATEWAY, why).into_response())
}

async fn hand_on(inside: &Inside, request: Request) -> Result<Response, String> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| error.to_string())?;
    let url = format!("{}{}", inside.url, parts.uri.path());
    let call = inside.client.request(parts.method, url).headers(parts.headers).body(body);
    let answer = call.send().await.map_err(|error| error.to_string())?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
    let mut response = Response::new(Body::from(bytes));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}
