//! Every function in one process.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use auth::{Auth, HashMemory, Passwords};
use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::response::IntoResponse;
use http::{Method, StatusCode};
use lambda_http::request::RequestContext;
use mailer::Mailer;
use organizations::{Dns, Organizations};
use serde_json::{Value, json};
use shared::address::EgressPolicy;
use shared::clock::{Clock, Hands, Timestamp};
use shared::context::Core;
use shared::entropy::Entropy;
use shared::limit::Limiter;
use shared::mail::MailQueue;
use shared::operational::Operational;
use shared::queue::Queue;
use shared::router::without_last_slash;
use shared::secret::Keeper;
use shared::standing::StandingCache;
use shared::table::Table;
use stack::{Mail, Receiver, Service, Services, State};
use sweeper::Sweeper;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::aws::{self, Counted};
use crate::call::Request;
use crate::capacity::Units;
use crate::faults::Faults;
use crate::names::NameServer;
use crate::observed::Observed;
use crate::queue::{Message, TestQueue};
use crate::setup::Setup;

/// The product in one process, a test's own.
pub struct App {
    /// Moves its clock.
    pub hands: Hands,
    /// What its functions hold.
    pub core: Core,
    /// What fails of the calls to the table and the queue of deliveries: nothing, unless a test begins it.
    pub faults: Faults,
    /// What its functions tell of themselves.
    pub observed: Observed,
    /// What fails of the calls to the counters of limits.
    pub limit_faults: Faults,
    /// What DNS says.
    pub names: NameServer,
    pub(crate) services: Services,
    queue: TestQueue,
    mail: TestQueue,
    dispatcher: dispatcher::Dispatcher,
    sweeper: Sweeper,
    mailer: Mailer,
    counted: Counted,
    counted_limits: Counted,
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

    pub(crate) async fn with(setup: Setup) -> Self {
        let Setup { table_url, verification, level, rates, front, observed } = setup;
        let services = Services::start(&crate::template(), State::Memory).await.unwrap();
        let (clock, hands) = Clock::standing_at(Self::START);
        let queue = TestQueue::start(clock.clone()).await;
        let mail = TestQueue::start(clock.clone()).await;
        let (counted, counted_limits) = (Counted::default(), Counted::default());
        let (faults, limit_faults) = (Faults::default(), Faults::default());
        let (counts, failing) = ((&counted, &counted_limits), (&faults, &limit_faults));
        let core = core(&services, table_url, clock, (counts, failing), &observed).await;
        let core = Core { rates: Arc::new(rates), front, ..core };
        let of = |function| observed.core(function, &core);
        let deliveries = Queue::new(aws::faulty_sqs(&queue.url, faults.clone()), queue.url.clone());
        let egress = EgressPolicy::parse("true", "127.0.0.0/8", "443,8443,1024-65535").unwrap();
        let mails = MailQueue::new(aws::sqs(&mail.url), mail.url.clone());
        let dispatcher =
            dispatcher::Dispatcher::new(of("dispatcher"), deliveries.clone(), mails.clone(), egress.clone())
                .unwrap();
        let sweeper = Sweeper::new(of("sweeper"), deliveries.clone());
        let passwords = Passwords { level, ..Passwords::default() };
        let chance = (core.clock.clone(), core.entropy.clone());
        let operational = Operational::new(core.table.clone(), deliveries.clone(), chance);
        let queues = (mails.clone(), operational.clone());
        let auth = Auth::new(of("auth"), passwords, queues, verification, HashMemory::for_one()).unwrap();
        let mailer = mailer(of("mailer"), &services);
        let names = NameServer::start().await;
        let organizations = Organizations {
            core: of("organizations"),
            mail: mails.clone(),
            operational: operational.clone(),
            dns: Dns::at(names.address()).unwrap(),
            extra_modules: vec!["billing".parse().unwrap()],
        };
        let webhooks =
            webhooks::Webhooks::new(of("webhooks"), deliveries.clone(), egress, operational.clone());
        let functions = Functions {
            auth: auth::router(auth),
            organizations: organizations::router(organizations),
            api_keys: api_keys::router(api_keys::ApiKeys::new(of("api_keys"), mails, operational)),
            webhooks: webhooks::router(webhooks),
        };
        let (url, server) = serve(functions, faults.clone()).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            hands,
            core,
            faults,
            observed,
            limit_faults,
            names,
            services,
            queue,
            mail,
            dispatcher,
            sweeper,
            mailer,
            counted,
            counted_limits,
            url,
            client,
            server,
        }
    }

    /// The mails that were asked for since this was last asked.
    pub fn mails(&self) -> Vec<Value> {
        self.mail.take().iter().map(|message| message.json()["mail"].clone()).collect()
    }

    /// Lets the mailer send what was asked for: the mails, the oldest first.
    pub async fn deliver_mails(&self) -> Vec<Mail> {
        let before = self.services.mails().len();
        assert_eq!(self.send_mails(&self.mail_tasks()).await, [""; 0], "the mailer gave mails back");
        self.services.mails().split_off(before)
    }

    /// The tasks of mails that were asked for since this was last asked, as SQS has them.
    pub fn mail_tasks(&self) -> Vec<Message> {
        self.mail.take()
    }

    /// Hands tasks to the mailer, and says which ones it gives back.
    pub async fn send_mails(&self, tasks: &[Message]) -> Vec<String> {
        self.send_mails_within(tasks, Duration::from_secs(10)).await
    }

    /// The same, in an invocation that has only so much time left.
    pub async fn send_mails_within(&self, tasks: &[Message], left: Duration) -> Vec<String> {
        hand_over(&self.mailer, tasks, left).await
    }

    /// The same, while SES does not answer.
    pub async fn send_mails_without_ses(&self, tasks: &[Message]) -> Vec<String> {
        let mailer = Mailer { ses: aws::ses(&nobody()), ..self.mailer.clone() };
        hand_over(&mailer, tasks, Duration::from_secs(10)).await
    }

    /// Every mail that was sent, the oldest first.
    pub fn sent_mails(&self) -> Vec<Mail> {
        self.services.mails()
    }

    /// The queue of mails refuses the next `calls`.
    pub fn mail_is_down_for(&self, calls: usize) {
        self.mail.is_down_for(calls);
    }

    /// The counters as another instance of a function has them, which remembers what it has seen itself.
    pub fn another_limiter(&self) -> Limiter {
        let client = aws::dynamodb(self.services.endpoint(Service::DynamoDb), Counted::default());
        Limiter::new(client, self.services.table_name("LimitsTable").to_owned())
    }

    /// The calls to the counters of limits since this was last asked.
    pub fn limit_calls(&self) -> Vec<String> {
        self.counted_limits.take()
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
        let records: Vec<_> = batch.iter().map(record).collect();
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let invocation = self.dispatcher.handle(event, self.core.clock.now().plus(left));
        // A batch whose function died comes again as a whole.
        let failed: Vec<_> = match self.faults.survived(Box::pin(invocation)).await {
            Some(answer) => answer.batch_item_failures.into_iter().map(|item| item.item_identifier).collect(),
            None => batch.iter().map(|message| message.id.clone()).collect(),
        };
        for message in batch.iter().filter(|message| !failed.contains(&message.id)) {
            self.queue.delete(&message.id);
        }
        failed
    }

    /// One run of the sweeper, as its schedule starts it: what it says it did.
    pub async fn sweep(&self) -> Value {
        self.sweep_result().await.unwrap()
    }

    /// The same, or why it ended before it was done.
    pub async fn sweep_result(&self) -> Result<Value, String> {
        let deadline = self.core.clock.now().plus(Duration::from_mins(1));
        let swept = self.faults.survived(Box::pin(self.sweeper.handle(json!({}), deadline))).await;
        swept.ok_or("the sweeper died")?.map_err(|error| error.to_string())
    }

    /// Hands messages to the sweeper as dead letters, and says which ones it gives back: all, if it dies.
    pub async fn bury(&self, letters: &[Message]) -> Value {
        let records: Vec<_> = letters.iter().map(record).collect();
        for letter in letters {
            self.queue.delete(&letter.id);
        }
        let invocation = self.sweeper.handle(json!({ "Records": records }), self.core.clock.now());
        match self.faults.survived(Box::pin(invocation)).await {
            Some(answer) => answer.unwrap(),
            None => {
                json!({ "batchItemFailures": letters.iter().map(|letter| &letter.id).collect::<Vec<_>>() })
            }
        }
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

    /// Suspends an organisation, as an operator does.
    pub async fn suspend(&self, org: &str) {
        self.set(org, "status", "suspended").await;
    }

    /// Gives an address another password hash, as an import from another product does.
    pub async fn set_password_hash(&self, email: &str, hash: &str) {
        let email: shared::user::Email = email.parse().unwrap();
        self.set(&format!("email#{}", email.digest()), "password_hash", hash).await;
    }

    /// Gives an item, which stands for itself in its partition, an attribute by hand.
    pub async fn set(&self, pk: &str, attribute: &str, value: &str) {
        let client = aws::dynamodb(self.services.endpoint(Service::DynamoDb), Counted::default());
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let update = client.update_item().table_name(self.services.table_name("Table"));
        let update = update.key("pk", text(pk)).key("sk", text("self"));
        let update =
            update.update_expression("SET #attribute = :value").condition_expression("attribute_exists(pk)");
        let update = update.expression_attribute_names("#attribute", attribute);
        update.expression_attribute_values(":value", text(value)).send().await.unwrap();
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

    /// The calls to both tables since this was last asked, and what each is charged as.
    pub fn charged(&self) -> Vec<(String, Units)> {
        [self.counted.charged(), self.counted_limits.charged()].concat()
    }

    /// Every item of the table as text, for tests that look for what must not be there.
    pub async fn dump(&self) -> String {
        let client = aws::dynamodb(self.services.endpoint(Service::DynamoDb), Counted::default());
        let table = self.services.table_name("Table");
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let scan = client.scan().table_name(table).set_exclusive_start_key(start);
            let answer = scan.send().await.unwrap();
            let text = |item: HashMap<_, _>| serde_dynamo::from_item::<_, Value>(item).unwrap().to_string();
            items.extend(answer.items.unwrap_or_default().into_iter().map(text));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        items.sort_unstable();
        items.join("\n")
    }
}

/// What every function holds.
async fn core(
    services: &Services,
    table_url: Option<String>,
    clock: Clock,
    ((counted, counted_limits), (faults, limit_faults)): ((&Counted, &Counted), (&Faults, &Faults)),
    observed: &Observed,
) -> Core {
    let table_url = table_url.unwrap_or_else(|| services.endpoint(Service::DynamoDb).to_owned());
    let table = aws::faulty_dynamodb(&table_url, counted.clone(), faults.clone());
    let limits = aws::faulty_dynamodb(&table_url, counted_limits.clone(), limit_faults.clone());
    let secrets = aws::secrets(services.endpoint(Service::SecretsManager));
    let secret_id = services.environment("auth")["SECRET_KEY_ARN"].clone();
    Core {
        clock: clock.clone(),
        entropy: Entropy::system(),
        keys: Arc::new(Keeper::open(secrets, secret_id, clock.clone()).await.unwrap()),
        table: Table::new(table, services.table_name("Table").to_owned(), Entropy::system()),
        issuer: App::ISSUER.into(),
        limiter: Limiter::new(limits, services.table_name("LimitsTable").to_owned()),
        rates: Arc::default(),
        front: None,
        standings: Arc::new(StandingCache::default()),
        // Of what a test does itself.
        observer: observed.observer("it", clock),
    }
}

/// An address on which nobody listens: its port is taken for as long as the process lives, so that nobody will.
pub fn nobody() -> String {
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let taken: &'static tokio::net::TcpSocket = Box::leak(Box::new(taken));
    format!("http://{}", taken.local_addr().unwrap())
}

fn mailer(core: Core, services: &Services) -> Mailer {
    Mailer {
        core,
        ses: aws::ses(services.endpoint(Service::Ses)),
        from: "AI Foundry <no-reply@example.com>".to_owned(),
        link_url: "https://app.example.com/link".parse().unwrap(),
    }
}

async fn hand_over(mailer: &Mailer, tasks: &[Message], left: Duration) -> Vec<String> {
    let records: Vec<_> = tasks.iter().map(record).collect();
    let event = serde_json::from_value(json!({ "Records": records })).unwrap();
    let answer = mailer.handle(event, left).await;
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

/// A message as Lambda hands it to a function.
fn record(message: &Message) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": message.id,
        "body": message.body,
        "attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    })
}

/// Says where a call comes from: what the gateway of the tests knows of it, and no function sees.
pub(crate) const SOURCE: &str = "x-tests-source";

struct Functions {
    auth: Router,
    organizations: Router,
    api_keys: Router,
    webhooks: Router,
}

impl Functions {
    fn of(&self, path: &str) -> Router {
        let function = match path {
            _ if path.starts_with("/api/api-keys") || path.starts_with("/oauth/") => &self.api_keys,
            _ if path.starts_with("/api/organizations") => &self.organizations,
            _ if path.starts_with("/api/") || path.starts_with("/.well-known/webhook-keys/") => {
                &self.webhooks
            }
            _ => &self.auth,
        };
        function.clone()
    }
}

/// One socket for all functions, as API Gateway is: it says where a call comes from.
async fn serve(functions: Functions, faults: Faults) -> (String, JoinHandle<()>) {
    let functions = Arc::new(functions);
    let calls = Arc::new(AtomicU32::new(0));
    let gateway = Router::new().fallback(move |request: HttpRequest| {
        let mut request = without_last_slash(request);
        let call = calls.fetch_add(1, Ordering::SeqCst);
        let source = request.headers_mut().remove(SOURCE);
        let source = source.map_or_else(
            || Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + call).to_string(),
            |source| source.to_str().unwrap().to_owned(),
        );
        request.extensions_mut().insert(from(&source));
        let function = functions.of(request.uri().path());
        let faults = faults.clone();
        async move {
            let answer = faults.survived(function.oneshot(request)).await;
            // What API Gateway says of a function that died.
            answer.map_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response(), Result::unwrap)
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (url, tokio::spawn(async move { axum::serve(listener, gateway).await.unwrap() }))
}

fn from(source: &str) -> RequestContext {
    let context = json!({ "http": { "sourceIp": source, "method": "GET", "path": "/" }, "timeEpoch": 0 });
    RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap())
}
