//! Send: the only stage that touches the network. Whatever the receiver does becomes a [`Sent`].
//!
//! **One deadline** covers resolve, connect, TLS, request, head and body. **The status is the answer**: once
//! it is here, nothing that follows takes it back, so a body that drips, breaks off or never ends does not turn
//! a 200 into a failure. Trying again would send the receiver, up to eight times, an event that it has said it
//! took. The body is only for the log: what comes of it by the deadline, and within [`BODY_WAIT_MAX`] of the
//! head, is kept; the rest is dropped with the connection. So dripping costs the receiver its log entry and
//! its kept connection, and us two seconds.
//!
//! No redirects, proxies, cookies, decompression or retries: one request, one answer, as it came.

mod failure;
mod text;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::Resolve;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, redirect, retry};
use shared::address::{EgressPolicy, TargetUrl, TargetUrlError};
use shared::delivery::{Outcome, Unreachable};
use tokio::time::{Instant, timeout_at};

use crate::egress::GuardedResolver;

/// How much of a response body is read, as it comes over the wire: there is no decompression to blow it up.
pub const BODY_READ_BYTES_MAX: usize = 64 * 1024;

/// How much of it is kept.
pub const BODY_KEPT_BYTES_MAX: usize = 1024;

/// How long the body may take after the head, inside the deadline.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(2);

/// Less than the five seconds after which the most common servers hang up on an idle connection, so that we
/// rarely write into one that is closing; and a Lambda that slept does not find old ones.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// Idle connections to one host: more than there ever are, since a dispatcher has no more than
/// [`crate::Dispatcher::CONCURRENT`] under way. Where there are fewer than deliveries at once some are thrown away again and
/// again, and a handshake costs as much as twenty deliveries.
const IDLE_CONNECTIONS_MAX: usize = 100;

/// The longest deadline a webhook can have. Connections that are opened ahead of need end with it too.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// Headers that the client adds: there is room for them from the start.
const OF_THE_CLIENT: usize = 4;

const USER_AGENT: &str = concat!("AI-Foundry-Webhooks/", env!("CARGO_PKG_VERSION"));

/// What the signer hands over: every header is decided, the bytes are the bytes that were signed.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// Where to.
    pub url: TargetUrl,
    /// All headers but `host`, `content-length` and `user-agent`; a name may come twice.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The signed bytes.
    pub body: Bytes,
    /// When it was signed, in milliseconds since 1970: dates in the answer are read against it.
    pub signed_at_ms: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The receiver's doing.
    pub outcome: Outcome,
    /// From the call to the end of the answer.
    pub duration_ms: u32,
    /// The start of the body as text; `None` if there was none.
    pub response_body: Option<String>,
}

/// Why no sender could be made: no root certificates, most likely.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made")]
pub struct SenderError(#[from] reqwest::Error);

/// Sends requests under one policy. Made once: it keeps connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
    policy: Arc<EgressPolicy>,
}

impl Sender {
    /// A sender that asks the system's resolver.
    pub fn new(policy: EgressPolicy) -> Result<Self, SenderError> {
        let policy = Arc::new(policy);
        Self::guarded_by(GuardedResolver::new(Arc::clone(&policy)), policy)
    }

    /// A sender that asks another resolver, under the same guard.
    pub fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolve>) -> Result<Self, SenderError> {
        let policy = Arc::new(policy);
        Self::guarded_by(GuardedResolver::over(Arc::clone(&policy), resolver), policy)
    }

    fn guarded_by(resolver: GuardedResolver, policy: Arc<EgressPolicy>) -> Result<Self, SenderError> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(resolver)
            .https_only(!policy.allows_http())
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            // Not compiled in here; another crate of the build could turn them on for all.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Sends one request and reads one answer, for at most `deadline`.
    pub async fn send(&self, request: SignedRequest, deadline: Duration) -> Sent {
        let start = Instant::now();
        let signed_at_ms = request.signed_at_ms;
        let answer = self.head(request, start + deadline).await;
        let (outcome, response_body) = match answer {
            Ok(response) => {
                let outcome = outcome_of(&response, signed_at_ms);
                let until = (start + deadline).min(Instant::now() + BODY_WAIT_MAX);
                (outcome, body(response, until).await)
            }
            Err(outcome) => (outcome, None),
        };
        let duration_ms = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
        Sent { outcome, duration_ms, response_body }
    }

    /// Everything up to the end of the response's head.
    async fn head(&self, request: SignedRequest, until: Instant) -> Result<Response, Outcome> {
        let SignedRequest { url, headers, body, signed_at_ms: _ } = request;
        url.check(&self.policy).map_err(|error| refused(&url, &error))?;
        let mut request = Request::new(Method::POST, url.url().clone());
        let named = request.headers_mut();
        named.reserve(headers.len() + OF_THE_CLIENT);
        for (name, value) in headers {
            named.append(name, value);
        }
        *request.body_mut() = Some(body.into());
        match timeout_at(until, self.client.execute(request)).await {
            Ok(answer) => answer.map_err(|error| failure::outcome(&error)),
            Err(_) => Err(Outcome::TimedOut),
        }
    }
}

/// The second check of a URL: of its address, which no resolver sees, and of a policy that was made stricter.
fn refused(url: &TargetUrl, error: &TargetUrlError) -> Outcome {
    tracing::warn!(host = url.host(), %error, "a stored URL is not allowed any more");
    Outcome::Unreachable(match error {
        TargetUrlError::Address(_) => Unreachable::AddressNotAllowed,
        _ => Unreachable::UrlNotAllowed,
    })
}

fn outcome_of(response: &Response, signed_at_ms: i64) -> Outcome {
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Outcome::of_answer(response.status().as_u16(), retry_after, signed_at_ms)
}

/// The start of the body. Reading on to [`BODY_READ_BYTES_MAX`] is for the connection: one that has given up
/// its whole answer can be used again, any other is closed as the response is dropped here.
async fn body(mut response: Response, until: Instant) -> Option<String> {
    let mut kept = Vec::new();
    let mut read_bytes = 0;
    while read_bytes < BODY_READ_BYTES_MAX {
        let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await else { break };
        read_bytes += chunk.len();
        // One byte more than fits tells whether the text was cut.
        let room = (BODY_KEPT_BYTES_MAX + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    (!kept.is_empty()).then(|| text::readable(&kept, BODY_KEPT_BYTES_MAX))
}
