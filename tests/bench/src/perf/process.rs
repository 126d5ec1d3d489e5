//! One process of a function behind a Runtime API of its own, and what it has taken.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use serde_json::Value;
use shared::clock::Clock;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Longer than any of them takes to start, or to answer.
const WITHIN: Duration = Duration::from_secs(30);

/// What the process asked for and said.
enum Said {
    Next,
    Answer(Bytes),
    Error(Bytes),
}

#[derive(Clone)]
struct Api {
    said: mpsc::UnboundedSender<Said>,
    events: Arc<Mutex<mpsc::UnboundedReceiver<Bytes>>>,
}

/// A running process, which waits for an invocation.
pub(super) struct Process {
    child: Child,
    said: mpsc::UnboundedReceiver<Said>,
    events: mpsc::UnboundedSender<Bytes>,
    serving: JoinHandle<()>,
    /// From its start to its first question.
    pub(super) started_in: Duration,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Process {
    /// Starts it, and waits until it asks for its first invocation.
    pub(super) async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let (said, heard) = mpsc::unbounded_channel();
        let (events, queued) = mpsc::unbounded_channel();
        let api = Api { said, events: Arc::new(Mutex::new(queued)) };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(api);
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let began = Instant::now();
        let child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut process = Self { child, said: heard, events, serving, started_in: Duration::ZERO };
        process.asks().await;
        process.started_in = began.elapsed();
        process
    }

    async fn hears(&mut self) -> Said {
        timeout(WITHIN, self.said.recv()).await.unwrap().unwrap()
    }

    async fn asks(&mut self) {
        match self.hears().await {
            Said::Next => {}
            Said::Answer(_) => panic!("an answer to nothing"),
            Said::Error(error) => panic!("{}", String::from_utf8_lossy(&error)),
        }
    }

    /// One invocation: what it answered, and how long that took.
    pub(super) async fn invoke(&mut self, event: &Value) -> (Value, Duration) {
        let event = Bytes::from(event.to_string());
        let began = Instant::now();
        self.events.send(event).unwrap();
        let answer = match self.hears().await {
            Said::Answer(answer) => answer,
            Said::Next => panic!("it asks again and has not answered"),
            Said::Error(error) => panic!("{}", String::from_utf8_lossy(&error)),
        };
        let took = began.elapsed();
        self.asks().await;
        (serde_json::from_slice(&answer).unwrap(), took)
    }

    /// The processor time that its threads have taken, once it is at rest.
    pub(super) async fn cpu(&self) -> Duration {
        let mut before = self.cpu_now();
        loop {
            sleep(Duration::from_millis(2)).await;
            let now = self.cpu_now();
            if now == before {
                return now;
            }
            before = now;
        }
    }

    fn cpu_now(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        tasks.flatten().filter_map(|task| cpu_of(&task.path())).sum()
    }

    /// The same of the thread alone that everything runs on but hashing. Ask for it after [`Self::cpu`].
    pub(super) fn cpu_but_for_hashing(&self) -> Duration {
        let id = self.id();
        cpu_of(Path::new(&format!("/proc/{id}/task/{id}"))).unwrap()
    }

    /// The most memory that it has had resident, in KiB.
    pub(super) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }
}

/// The processor time of a thread, unless it has ended.
fn cpu_of(task: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

async fn next(State(api): State<Api>) -> ([(&'static str, String); 4], Bytes) {
    drop(api.said.send(Said::Next));
    let event = api.events.lock().await.recv().await;
    let deadline = Clock::system().now().millis() + 30_000;
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:bench";
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.unwrap_or_default())
}

async fn answer(State(api): State<Api>, body: Bytes) -> StatusCode {
    drop(api.said.send(Said::Answer(body)));
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Api>, body: Bytes) -> StatusCode {
    drop(api.said.send(Said::Error(body)));
    StatusCode::ACCEPTED
}
