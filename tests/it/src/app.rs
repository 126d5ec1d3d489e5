//! Every function in one process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as HttpRequest;
use http::Method;
use serde_json::{Value, json};
use shared::address::EgressPolicy;
use shared::clock::{Clock, Hands, Timestamp};
use shared::context::Core;
use shared::entropy::Entropy;
use shared::queue::Queue;
use shared::router::without_last_slash;
use shared::secret::Keeper;
use shared::standing::StandingCache;
use shared::table::Table;
use stack::{Receiver, Service, Services, State};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::aws::{self, Counted};
use crate::call::Request;
use crate::queue::{Message, TestQueue};

/// The product in one process, a test's own.
pub struct App {
    /// Moves its clock.
    pub hands: Hands,
    /// What its functions hold.
    pub core: Core,
    services: Services,
    queue: TestQueue,
    dispatcher: dispatcher::Dispatcher,
    counted: Counted,
    url: String,
    client: reqwest::Client,
    server: JoinHandle<()>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl App {
    /// When every test begins: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_seconds(1_767_225_600);
    const ISSUER: &str = "urn:ai-foundry:tests";

    /// Starts everything.
    pub async fn start() -> Self {
        Self::with_table(None).await
    }

    /// Starts everything with a table that does not answer.
    pub async fn without_table() -> Self {
        // A port that was free a moment ago, and on which nobody listens.
        let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
        Self::with_table(Some(format!("http://127.0.0.1:{port}"))).await
    }

    async fn with_table(table_url: Option<String>) -> Self {
        let services = Services::start(&crate::template(), State::Memory).await.unwrap();
        let (clock, hands) = Clock::standing_at(Self::START);
        let queue = TestQueue::start(clock.clone()).await;
        let counted = Counted::default();
        let table_url = table_url.unwrap_or_else(|| services.endpoint(Service::DynamoDb).to_owned());
        let table = aws::dynamodb(&table_url, counted.clone());
        let secrets = aws::secrets(services.endpoint(Service::SecretsManager));
        let secret_id = services.environment("auth")["SECRET_KEY_ARN"].clone();
        let core = Core {
            clock: clock.clone(),
            entropy: Entropy::system(),
            keys: Arc::new(Keeper::open(secrets, secret_id, clock).await.unwrap()),
            table: Table::new(table, services.table_name("Table").to_owned(), Entropy::system()),
            issuer: Self::ISSUER.into(),
            standings: Arc::new(StandingCache::default()),
        };
        let deliveries = Queue::new(aws::sqs(&queue.url), queue.url.clone());
        let egress = EgressPolicy::parse("true", "127.0.0.0/8", "443,8443,1024-65535").unwrap();
        let dispatcher =
            dispatcher::Dispatcher::new(core.clone(), deliveries.clone(), egress.clone()).unwrap();
        let (url, server) = serve(&core, deliveries, egress).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { hands, core, services, queue, dispatcher, counted, url, client, server }
    }

    /// A call to the product.
    pub fn call(&self, method: Method, path: &str) -> Request {
        Request::new(self.client.request(method, format!("{}{path}", self.url)))
    }

    /// GET with a credential.
    pub fn get(&self, path: &str, token: &str) -> Request {
        self.call(Method::GET, path).bearer(token)
    }

    /// POST with a credential and a body.
    pub fn post(&self, path: &str, token: &str, body: &serde_json::Value) -> Request {
        self.call(Method::POST, path).bearer(token).json(body)
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.hands.advance(Duration::from_secs(seconds));
    }

    /// A web server to deliver to.
    pub async fn receiver(&self) -> Receiver {
        Receiver::start().await.unwrap()
    }

    /// Lets the dispatcher work until nothing is visible in the queue at this time.
    pub async fn drain(&self) {
        loop {
            let batch = self.queue.receive();
            if batch.is_empty() {
                return;
            }
            self.dispatch(&batch).await;
        }
    }

    /// Hands messages to the dispatcher as Lambda does, and deletes those that it does not give back.
    /// What it gives back is returned.
    pub async fn dispatch(&self, batch: &[Message]) -> Vec<String> {
        self.dispatch_within(batch, Duration::from_secs(40)).await
    }

    /// The same with the time that the invocation has left.
    pub async fn dispatch_within(&self, batch: &[Message], left: Duration) -> Vec<String> {
        let records: Vec<_> = batch
            .iter()
            .map(|message| {
                json!({
                    "messageId": message.id,
                    "receiptHandle": message.id,
                    "body": message.body,
                    "attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                })
            })
            .collect();
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let answer = self.dispatcher.handle(event, self.core.clock.now().plus(left)).await;
        let failed: Vec<_> =
            answer.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
        for message in batch.iter().filter(|message| !failed.contains(&message.id)) {
            self.queue.delete(&message.id);
        }
        failed
    }

    /// The messages that are visible now; they are invisible then, until the queue's time is over.
    pub fn receive(&self) -> Vec<Message> {
        self.queue.receive()
    }

    /// Every message that the queue holds.
    pub fn messages(&self) -> Vec<Message> {
        self.queue.messages()
    }

    /// Puts a message into the queue.
    pub fn enqueue(&self, body: &str) {
        self.queue.put(body);
    }

    /// Takes a message out of the queue.
    pub fn delete(&self, id: &str) {
        self.queue.delete(id);
    }

    /// Takes an attribute away from an item, so that it cannot be read.
    pub async fn damage(&self, pk: &str, sk: &str, attribute: &str) {
        let client = aws::dynamodb(self.services.endpoint(Service::DynamoDb), Counted::default());
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let update = client.update_item().table_name(self.services.table_name("Table"));
        let update = update.key("pk", key(pk)).key("sk", key(sk)).update_expression("REMOVE #attribute");
        update.expression_attribute_names("#attribute", attribute).send().await.unwrap();
    }

    /// The queue refuses the next `calls`.
    pub fn queue_is_down_for(&self, calls: usize) {
        self.queue.is_down_for(calls);
    }

    /// The queue refuses one message in each of the next `calls`.
    pub fn queue_is_partly_down_for(&self, calls: usize) {
        self.queue.is_partly_down_for(calls);
    }

    /// The calls to `DynamoDB` since this was last asked.
    pub fn table_calls(&self) -> Vec<String> {
        self.counted.take()
    }

    /// Every item of the table as text, for tests that look for what must not be there.
    pub async fn dump(&self) -> String {
        let client = aws::dynamodb(self.services.endpoint(Service::DynamoDb), Counted::default());
        let answer = client.scan().table_name(self.services.table_name("Table")).send().await.unwrap();
        let text =
            |item: &HashMap<_, _>| serde_dynamo::from_item::<_, Value>(item.clone()).unwrap().to_string();
        let mut items: Vec<_> = answer.items().iter().map(text).collect();
        items.sort_unstable();
        items.join("\n")
    }
}

/// One socket for all functions, as API Gateway is.
async fn serve(core: &Core, queue: Queue, egress: EgressPolicy) -> (String, JoinHandle<()>) {
    let auth = auth::router(auth::Auth::new(core.clone()).unwrap());
    let api_keys = api_keys::router(core.clone());
    let webhooks = webhooks::router(webhooks::Webhooks { core: core.clone(), queue, egress });
    let gateway = Router::new().fallback(move |request: HttpRequest| {
        let request = without_last_slash(request);
        let path = request.uri().path();
        let function = match path {
            _ if path.starts_with("/api/api-keys") => &api_keys,
            _ if path.starts_with("/api/") => &webhooks,
            _ => &auth,
        };
        let function = function.clone();
        async move { function.oneshot(request).await.unwrap() }
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (url, tokio::spawn(async move { axum::serve(listener, gateway).await.unwrap() }))
}
