//! The outermost layer of every function: names the request, writes problems, logs one line.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use lambda_http::request::RequestContext;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::id::OrgId;
use crate::problem::{Problem, ProblemBody, RateLimit};

/// Names one request in the answer (`x-request-id`) and in the log: API Gateway's id where there
/// is one, never a header of the caller's.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Who called, for the log line: the authorisation leaves it in the answer's extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    /// A person or a key.
    pub principal: String,
    /// Their organisation, if they are in one.
    pub organization: Option<OrgId>,
}

impl RequestId {
    fn of(request: &Request, entropy: &Entropy) -> Self {
        let given = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        Self(given.unwrap_or_else(|| {
            entropy
                .bytes()
                .map_or_else(|_| "unnamed".to_owned(), |bytes| format!("{:032x}", u128::from_le_bytes(bytes)))
        }))
    }
}

/// Less than the time after which Lambda ends the function (10 s): a caller whose request takes longer
/// gets a problem that says when to try again, not the gateway's bare error.
const ANSWER_WITHIN: Duration = Duration::from_secs(9);

/// Runs the rest and finishes its answer.
pub async fn finish(
    State((clock, entropy)): State<(Clock, Entropy)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = clock.now();
    let id = RequestId::of(&request, &entropy);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());

    let mut response = match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(late) => Problem::unavailable(&late).into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    let caller = response.extensions_mut().remove::<Caller>();
    let allowed = response.extensions_mut().remove::<RateLimit>();
    let rate_limit = problem.as_ref().and_then(|problem| problem.rate_limit.as_deref().copied()).or(allowed);
    log(&Line {
        id: &id.0,
        method: method.as_str(),
        route: route.as_deref().unwrap_or("none"),
        status: response.status(),
        duration_ms: clock.now().since(started).as_millis(),
        problem: problem.as_ref(),
        caller: caller.as_ref(),
    });
    if let Some(problem) = problem {
        response = write(problem, &id.0, response);
    }
    for (name, value) in rate_limit.iter().flat_map(RateLimit::fields) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

struct Line<'a> {
    id: &'a str,
    method: &'a str,
    route: &'a str,
    status: StatusCode,
    duration_ms: u128,
    problem: Option<&'a Problem>,
    caller: Option<&'a Caller>,
}

fn log(line: &Line<'_>) {
    let status = line.status.as_u16();
    let duration_ms = u64::try_from(line.duration_ms).unwrap_or(u64::MAX);
    let (request_id, http_method, http_route) = (line.id, line.method, line.route);
    let code = line.problem.map(|problem| problem.kind.code());
    let cause = line.problem.and_then(|problem| problem.cause.as_deref());
    let principal = line.caller.map(|caller| caller.principal.as_str());
    let organization =
        line.caller.and_then(|caller| caller.organization).map(|organization| organization.to_string());
    if line.status.is_server_error() {
        tracing::error!(
            request_id,
            http_method,
            http_route,
            status,
            duration_ms,
            code,
            cause,
            principal,
            organization,
            "request failed"
        );
    } else {
        tracing::info!(
            request_id,
            http_method,
            http_route,
            status,
            duration_ms,
            code,
            principal,
            organization,
            "request answered"
        );
    }
}

fn write(problem: Problem, request_id: &str, unwritten: Response) -> Response {
    let status = problem.kind.status();
    let retry_after = problem.retry_after_seconds;
    let body = axum::Json(ProblemBody::new(problem, request_id));
    // What the maker of the answer put into its headers stays (`Allow`, `WWW-Authenticate`).
    let mut headers = unwritten.into_parts().0.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110, 11.6.1: a 401 names the scheme.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let mut response = (status, body).into_response();
    headers.into_iter().for_each(|(name, value)| {
        if let Some(name) = name {
            response.headers_mut().insert(name, value);
        }
    });
    response
}
