//! An SQS whose time is the test's. It speaks the wire protocol that the SDK speaks; a test takes
//! what is visible and gives back what was not done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A message as Lambda hands it to a function.
#[derive(Clone, Debug)]
pub struct Message {
    /// Which.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How often it was handed out.
    pub receive_count: u32,
    /// The group it is in.
    pub group: String,
    visible_at: Timestamp,
}

impl Message {
    /// What it says, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Inside {
    messages: Vec<Message>,
    sent: usize,
    /// Calls to refuse before the queue takes messages again.
    down_for: usize,
    /// Calls in which the first entry is refused.
    partly_down_for: usize,
}

pub(crate) struct TestQueue {
    pub(crate) url: String,
    clock: Clock,
    inside: Arc<Mutex<Inside>>,
    server: JoinHandle<()>,
}

impl Drop for TestQueue {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Served {
    clock: Clock,
    inside: Arc<Mutex<Inside>>,
}

impl TestQueue {
    /// What the template says: messages that were not done come back after this.
    const VISIBILITY: Duration = Duration::from_mins(4);

    pub(crate) async fn start(clock: Clock) -> Self {
        let inside = Arc::new(Mutex::new(Inside::default()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Served { clock: clock.clone(), inside: Arc::clone(&inside) };
        let router = Router::new().route("/", post(serve)).with_state(served);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, clock, inside, server }
    }

    pub(crate) fn is_down_for(&self, calls: usize) {
        self.inside.lock().unwrap().down_for = calls;
    }

    pub(crate) fn is_partly_down_for(&self, calls: usize) {
        self.inside.lock().unwrap().partly_down_for = calls;
    }

    /// Up to ten messages that are visible now: a batch, which is invisible from now on.
    pub(crate) fn receive(&self) -> Vec<Message> {
        let now = self.clock.now();
        let mut inside = self.inside.lock().unwrap();
        let mut batch = Vec::new();
        for message in inside.messages.iter_mut().filter(|message| message.visible_at <= now).take(10) {
            message.visible_at = now.plus(Self::VISIBILITY);
            message.receive_count += 1;
            batch.push(message.clone());
        }
        batch
    }

    pub(crate) fn delete(&self, id: &str) {
        self.inside.lock().unwrap().messages.retain(|message| message.id != id);
    }

    /// All of them, which are gone then.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.inside.lock().unwrap().messages)
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.inside.lock().unwrap().messages.clone()
    }

    /// A message that was not sent by us, or was sent before.
    pub(crate) fn put(&self, body: &str) {
        let now = self.clock.now();
        self.inside.lock().unwrap().put(body, "", now);
    }
}

impl Inside {
    fn put(&mut self, body: &str, group: &str, visible_at: Timestamp) -> String {
        self.sent += 1;
        let (id, body, group) = (format!("message-{}", self.sent), body.to_owned(), group.to_owned());
        self.messages.push(Message { id: id.clone(), body, receive_count: 0, group, visible_at });
        id
    }
}

async fn serve(State(served): State<Served>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    assert_eq!(target, "AmazonSQS.SendMessageBatch", "the product sends in batches and does nothing else");
    let mut inside = served.inside.lock().unwrap();
    if inside.down_for > 0 {
        inside.down_for -= 1;
        let error = json!({ "__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "down" });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(error)).into_response();
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (place, entry) in body["Entries"].as_array().unwrap().iter().enumerate() {
        let id = &entry["Id"];
        if inside.partly_down_for > 0 && place == 0 {
            inside.partly_down_for -= 1;
            failed.push(json!({ "Id": id, "SenderFault": false, "Code": "InternalError" }));
            continue;
        }
        let delay = entry["DelaySeconds"].as_u64().unwrap_or(0);
        assert!(delay <= 900, "SQS delays by 900 seconds at the most");
        let visible_at = served.clock.now().plus(Duration::from_secs(delay));
        let group = entry["MessageGroupId"].as_str().unwrap_or_default();
        let message = inside.put(entry["MessageBody"].as_str().unwrap(), group, visible_at);
        successful.push(json!({ "Id": id, "MessageId": message, "MD5OfMessageBody": "" }));
    }
    axum::Json(json!({ "Successful": successful, "Failed": failed })).into_response()
}
