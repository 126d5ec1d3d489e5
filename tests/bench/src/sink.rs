//! A receiver that counts, for more calls than can be kept: it knows when each event was published, because
//! its data says so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use shared::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Milliseconds since 1970, for the data of events.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Clock::system().now().millis()).unwrap_or_default()
}

/// What came.
type Seen = Arc<Mutex<Vec<(u64, Duration)>>>;

/// A running receiver; it ends when it is dropped.
pub(crate) struct Sink {
    pub(crate) url: String,
    seen: Seen,
    serving: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sink {
    /// One that answers at once or, when it `hangs`, never.
    pub(crate) async fn start(hangs: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let answer = move |State(seen): State<Seen>, body: Bytes| async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            let event: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let (number, sent) = (event["data"]["n"].as_u64(), event["data"]["sent"].as_u64());
            let took = Duration::from_millis(now_ms().saturating_sub(sent.unwrap_or_default()));
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((number.unwrap_or_default(), took));
        };
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { url, seen, serving }
    }

    /// The number of each event that came, and how long it was under way.
    pub(crate) fn seen(&self) -> Vec<(u64, Duration)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The times at these parts of a hundred, of times in any order.
pub(crate) fn percentiles<const N: usize>(mut times: Vec<Duration>, parts: [usize; N]) -> [Duration; N] {
    times.sort_unstable();
    parts.map(|part| {
        times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    })
}
