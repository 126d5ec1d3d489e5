//! The outermost layer of every function: names the request, writes problems, logs one line, and gives away what
//! was observed.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};
use lambda_http::request::RequestContext;
use tracing::Instrument;

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::id::OrgId;
use crate::observe::{Metric, Observer, Span, SpanKind, go_on_panicking, redacted};
use crate::problem::{Kind, Problem, ProblemBody, RateLimit};
use crate::trace::{Place, SpanId, XRay};

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

/// What is known of a request before it is worked on.
struct Call {
    id: RequestId,
    method: Method,
    route: String,
    begun: Timestamp,
    cold_start: bool,
    place: Option<Place>,
    xray: Option<XRay>,
}

impl Call {
    fn of(request: &Request, clock: &Clock, entropy: &Entropy, cold_start: bool) -> Self {
        let context = request.extensions().get::<lambda_http::Context>();
        let xray = context.and_then(|context| XRay::parse(context.xray_trace_id.as_deref()?));
        let route = request.extensions().get::<MatchedPath>();
        Self {
            id: RequestId::of(request, entropy),
            method: request.method().clone(),
            route: route.map_or("none", MatchedPath::as_str).to_owned(),
            begun: clock.now(),
            cold_start,
            place: Place::of_call(request.headers(), xray.as_ref(), entropy),
            xray,
        }
    }

    /// What every line of it says.
    fn span(&self) -> tracing::Span {
        tracing::error_span!(
            "request",
            request_id = self.id.0,
            trace_id = self.place.as_ref().map(|place| place.trace_id.as_str()),
            xray_trace_id = self.xray.as_ref().map(XRay::root)
        )
    }
}

/// Runs the rest and finishes its answer.
pub async fn finish(
    State((clock, entropy, observer)): State<(Clock, Entropy, Observer)>,
    mut request: Request,
    next: Next,
) -> Response {
    let call = Call::of(&request, &clock, &entropy, observer.begins());
    request.extensions_mut().insert(call.id.clone());
    let span = call.span();
    let work = AssertUnwindSafe(tokio::time::timeout(ANSWER_WITHIN, next.run(request)));
    let done = work.catch_unwind().instrument(span.clone()).await;
    let (mut response, panic) = match done {
        Ok(Ok(response)) => (response, None),
        Ok(Err(late)) => (Problem::unavailable(&late).into_response(), None),
        Err(panic) => (Problem::of(Kind::Internal).into_response(), Some(panic)),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    let caller = response.extensions_mut().remove::<Caller>();
    let allowed = response.extensions_mut().remove::<RateLimit>();
    let rate_limit = problem.as_ref().and_then(|problem| problem.rate_limit.as_deref().copied()).or(allowed);
    let line = Line {
        status: response.status(),
        ended: clock.now(),
        problem: problem.as_ref(),
        caller: caller.as_ref(),
    };
    span.in_scope(|| line.log(&call));
    line.observe(&call, &observer, &entropy);
    observer.ends().await;
    if let Some(panic) = panic {
        go_on_panicking(panic);
    }
    if let Some(problem) = problem {
        response = write(problem, &call.id.0, response);
    }
    for (name, value) in rate_limit.iter().flat_map(RateLimit::fields) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&call.id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// What is known of it afterwards.
struct Line<'a> {
    status: StatusCode,
    ended: Timestamp,
    problem: Option<&'a Problem>,
    caller: Option<&'a Caller>,
}

impl Line<'_> {
    fn code(&self) -> Option<&'static str> {
        self.problem.map(|problem| problem.kind.code())
    }

    fn principal(&self) -> Option<&str> {
        self.caller.map(|caller| caller.principal.as_str())
    }

    fn organization(&self) -> Option<String> {
        self.caller.and_then(|caller| caller.organization).map(|organization| organization.to_string())
    }

    /// The one line of a request. Which one it is, and which trace it is in, says the span around it.
    fn log(&self, call: &Call) {
        let duration = self.ended.since(call.begun);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (http_method, http_route, status) =
            (call.method.as_str(), call.route.as_str(), self.status.as_u16());
        let (code, principal, organization) = (self.code(), self.principal(), self.organization());
        let cold_start = call.cold_start;
        if self.status.is_server_error() {
            let cause = self.problem.and_then(|problem| problem.cause.as_deref()).map(redacted);
            tracing::error!(
                http_method,
                http_route,
                status,
                duration_ms,
                code,
                cause,
                principal,
                organization,
                cold_start,
                "request failed"
            );
        } else {
            tracing::info!(
                http_method,
                http_route,
                status,
                duration_ms,
                code,
                principal,
                organization,
                cold_start,
                "request answered"
            );
        }
    }

    /// The same for those who count, and who draw traces.
    fn observe(&self, call: &Call, observer: &Observer, entropy: &Entropy) {
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            observer.count(Metric::LimiterHits, 1);
        }
        if self.status.is_server_error() {
            observer.count(Metric::ServerErrors, 1);
        }
        let (true, Some(place), Ok(id)) = (observer.traces(), call.place.clone(), SpanId::new(entropy))
        else {
            return;
        };
        observer.span(Span {
            name: format!("{} {}", call.method, call.route),
            kind: SpanKind::Server,
            place,
            id,
            begun: call.begun,
            ended: self.ended,
            failed: self.status.is_server_error(),
            attributes: vec![
                ("http.request.method", call.method.as_str().into()),
                ("http.route", call.route.as_str().into()),
                ("http.response.status_code", self.status.as_u16().into()),
                ("faas.coldstart", call.cold_start.into()),
                ("request.id", call.id.0.as_str().into()),
                ("error.type", self.code().into()),
                ("principal.id", self.principal().into()),
                ("organization.id", self.organization().into()),
            ],
        });
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
