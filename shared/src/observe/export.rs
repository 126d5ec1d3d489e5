//! Sending what was observed to somebody else: a collector, Sentry. It is worth a moment and never a request: each
//! sending ends within a bound, and after one that failed none is tried for a while.
//!
//! It goes over what calls to AWS go over, so that nothing more is linked; the roots of the system decide whom it trusts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::transport::{NoAnswer, Others};

/// For how long none is sent after one was not taken.
const REST: Duration = Duration::from_secs(30);

/// One receiver of what we observe.
pub(super) struct Exporter {
    name: &'static str,
    url: Url,
    headers: Vec<(&'static str, String)>,
    within: Duration,
    others: Others,
    rests_until: Mutex<Option<Instant>>,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no answer in time")]
    Late,
    #[error("no answer: {0}")]
    NoAnswer(#[from] NoAnswer),
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
        Self { name, url, headers, within, others: Others::default(), rests_until: Mutex::default() }
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
        let request = self
            .headers
            .iter()
            .fold(Request::post(self.url.as_str()), |request, (name, value)| request.header(*name, value));
        let answer = self.others.send(request.body(body.into())).await?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(Refused::Status(status)),
        }
    }
}
