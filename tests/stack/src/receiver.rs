//! A web server that webhooks are delivered to, for tests and for the demo. It
//! answers 200 unless it was told otherwise, and remembers every call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// For how long [`Receiver::next_call`] waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer bodies are cut off with an error.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A call that was received.
#[derive(Debug, Clone)]
pub struct Call {
    /// `POST`, mostly.
    pub method: Method,
    /// With the query.
    pub path: String,
    /// As they came.
    pub headers: HeaderMap,
    /// As it came.
    pub body: Bytes,
}

impl Call {
    /// A header as text; nothing if it is missing or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug)]
enum Answer {
    With(StatusCode, HeaderMap, Bytes),
    Never,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    otherwise: Option<StatusCode>,
    refused: Option<fn(&Call) -> bool>,
    calls: Vec<Call>,
    /// How many calls [`Receiver::next_call`] has handed out.
    handed_out: usize,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    received: watch::Sender<usize>,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running receiver; it ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Starts one on a free port of 127.0.0.1.
    pub async fn start() -> std::io::Result<Receiver> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { script: Mutex::default(), received: watch::channel(0).0 });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Ok(Receiver { url, shared, serving })
    }

    /// `http://127.0.0.1:…`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next call without an answer yet is answered with this status.
    pub fn answer(&self, status: u16) {
        self.answer_with(status, &[], "");
    }

    /// The same with headers and a body. What HTTP does not allow becomes a 500.
    pub fn answer_with(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(*value)) {
                map.append(name, value);
            }
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.push(Answer::With(status, map, body.into()));
    }

    /// The next call is redirected.
    pub fn redirect(&self, status: u16, location: &str) {
        self.answer_with(status, &[("location", location)], "");
    }

    /// The next call stays open without an answer.
    pub fn never_answer(&self) {
        self.push(Answer::Never);
    }

    /// Calls for which no answer was given are answered with this instead of 200.
    pub fn otherwise(&self, status: u16) {
        self.shared.script().otherwise = StatusCode::from_u16(status).ok();
    }

    /// Calls of which this says so are answered with 500, before anything else.
    pub fn refuse_when(&self, refused: fn(&Call) -> bool) {
        self.shared.script().refused = Some(refused);
    }

    fn push(&self, answer: Answer) {
        self.shared.script().answers.push_back(answer);
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.script().calls.clone()
    }

    /// The next call that this has not handed out before, once it is there.
    ///
    /// # Panics
    ///
    /// If none comes within ten seconds.
    pub async fn next_call(&self) -> Call {
        match self.call_within(CALL_TIMEOUT).await {
            Some(call) => call,
            None => panic!("no call came to {} within {CALL_TIMEOUT:?}", self.url),
        }
    }

    /// The same with a bound of its own, and nothing instead of a panic.
    pub async fn call_within(&self, bound: Duration) -> Option<Call> {
        let wanted = {
            let mut script = self.shared.script();
            script.handed_out += 1;
            script.handed_out
        };
        let mut received = self.shared.received.subscribe();
        let is_there = received.wait_for(|received| *received >= wanted);
        if !matches!(tokio::time::timeout(bound, is_there).await, Ok(Ok(_))) {
            self.shared.script().handed_out -= 1;
            return None;
        }
        self.shared.script().calls.get(wanted - 1).cloned()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let call = Call { method: parts.method, path: path.to_owned(), headers: parts.headers, body };
    let answer = {
        let mut script = shared.script();
        let refused = script.refused.is_some_and(|refused| refused(&call));
        script.calls.push(call);
        let otherwise = match script.otherwise {
            _ if refused => StatusCode::INTERNAL_SERVER_ERROR,
            otherwise => otherwise.unwrap_or(StatusCode::OK),
        };
        let answer = if refused { None } else { script.answers.pop_front() };
        answer.unwrap_or_else(|| Answer::With(otherwise, HeaderMap::new(), Bytes::new()))
    };
    shared.received.send_modify(|received| *received += 1);
    match answer {
        Answer::Never => std::future::pending().await,
        Answer::With(status, headers, body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
    }
}
