//! Sending what was observed to somebody else: a collector, Sentry. It is worth a moment and never a request: each
//! sending ends within a bound, and after one that failed none is tried for a while.
//!
//! It goes over the HTTP client that the AWS SDK brings, so that nothing more is linked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use tokio::time::{Instant, timeout};
use url::Url;

/// For how long none is sent after one was not taken.
const REST: Duration = Duration::from_secs(30);

/// One receiver of what we observe.
pub(super) struct Exporter {
    name: &'static str,
    url: Url,
    headers: Vec<(&'static str, String)>,
    within: Duration,
    client: Option<SharedHttpConnector>,
    rests_until: Mutex<Option<Instant>>,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no HTTP client is linked")]
    Client,
    #[error("the request cannot be written")]
    Form,
    #[error("no answer in time")]
    Late,
    #[error("no connection")]
    Connection,
    #[error("answered {0}")]
    Status(u16),
}

impl Exporter {
    /// Sends to `url`, each time for `within` at the most.
    pub(super) fn new(
        name: &'static str,
        url: Url,
        headers: Vec<(&'static str, String)>,
        within: Duration,
    ) -> Self {
        let client = default_connector(&HttpConnectorSettings::default(), None);
        Self { name, url, headers, within, client, rests_until: Mutex::default() }
    }

    /// Sends one body; whether it was taken. While it rests nothing is.
    pub(super) async fn send(&self, body: Vec<u8>) -> bool {
        if self.rests() {
            return false;
        }
        match timeout(self.within, self.post(body)).await.unwrap_or(Err(Refused::Late)) {
            Ok(()) => true,
            Err(error) => {
                *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Instant::now() + REST);
                tracing::warn!(to = self.name, %error, rest_seconds = REST.as_secs(), "what was observed is not taken");
                false
            }
        }
    }

    fn rests(&self) -> bool {
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Refused> {
        let client = self.client.as_ref().ok_or(Refused::Client)?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| Refused::Form)?;
        request.set_uri(self.url.as_str()).map_err(|_| Refused::Form)?;
        for (name, value) in &self.headers {
            request.headers_mut().try_insert(*name, value.clone()).map_err(|_| Refused::Form)?;
        }
        let answer = client.call(request).await.map_err(|_| Refused::Connection)?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(Refused::Status(status)),
        }
    }
}
