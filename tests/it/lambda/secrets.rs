//! Known secrets go through the real binaries while they are as talkative as they can be. Then everything that they
//! printed, all that a collector and Sentry got, the tables and the messages of the queues are searched for them.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use data_encoding::BASE32_NOPAD;
use http::Method;
use it::{Answer, Mail, PASSWORD, Request};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::transport::{Roots, http_client};
use stack::{Receiver, Service};

use crate::product::Product;

const EMAIL: &str = "ada.lovelace@mail.example.com";
const INVITED: &str = "charles.babbage@mail.example.com";

/// What may be where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere at all.
    Nowhere,
    /// In the table, since it has to be kept as it is. Not in a queue, not in a line.
    Table,
}

#[derive(Default)]
struct Secrets(Vec<(String, String, Place)>);

impl Secrets {
    /// A text, and whatever is secret of it without its prefix.
    fn add(&mut self, name: &str, text: &str, place: Place) -> String {
        assert!(text.len() >= 8, "{name} is too short to be searched for: {text}");
        self.0.push((name.to_owned(), text.to_owned(), place));
        let last = text.rsplit(['_', '.', ' ']).next().unwrap();
        if last.len() >= 20 && last != text {
            self.0.push((format!("{name}, its last part"), last.to_owned(), place));
        }
        text.to_owned()
    }

    fn nowhere(&mut self, name: &str, text: &Value) -> String {
        self.add(name, text.as_str().unwrap(), Place::Nowhere)
    }
}

/// The names of the secrets that are in a text.
fn found<'a>(secrets: &'a Secrets, text: &str, allowed: &[Place]) -> Vec<&'a str> {
    let there =
        secrets.0.iter().filter(|(_, secret, place)| !allowed.contains(place) && text.contains(secret));
    there.map(|(name, _, _)| name.as_str()).collect()
}

fn totp(secret: &str) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
    let tag = sign(&key, &(Clock::system().now().seconds() / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let bits = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", bits % 1_000_000)
}

fn link_token(mail: &Mail) -> Option<Value> {
    let text = mail.text.as_deref().unwrap();
    Some(text.split("token=").nth(1)?.lines().next()?.trim().into())
}

struct Walk {
    product: Product,
    secrets: Secrets,
    token: String,
    org: String,
}

impl Walk {
    fn anonymous(&self, path: &str, body: &Value) -> Request {
        self.product.call(Method::POST, path).json(body)
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.product.post(path, &self.token, body).await
    }

    /// Accounts: passwords, tokens, links, second factors.
    async fn people(&mut self) {
        let password = self.secrets.add("password", PASSWORD, Place::Nowhere);
        self.secrets.add("address", EMAIL, Place::Table);
        self.secrets.add("address of somebody invited", INVITED, Place::Table);
        let body = json!({ "email": EMAIL, "password": password, "organization": { "name": "Acme" } });
        let made = self.anonymous("/auth/register", &body).send().await.expect(201);
        self.token = self.secrets.nowhere("access token", &made["access_token"]);
        self.org = made["organization"]["id"].as_str().unwrap().into();
        let refresh = self.secrets.nowhere("refresh token", &made["refresh_token"]);
        let next =
            self.anonymous("/auth/refresh", &json!({ "refresh_token": refresh })).send().await.expect(200);
        self.secrets.nowhere("next refresh token", &next["refresh_token"]);
        self.token = self.secrets.nowhere("next access token", &next["access_token"]);

        let wrong = self.secrets.add("wrong password", "a-wrong-password-4711", Place::Nowhere);
        self.anonymous("/auth/login", &json!({ "email": EMAIL, "password": wrong })).send().await.expect(401);
        // Refused while it is read: as an odd type, as a name that nobody knows, and in JSON that breaks off.
        let odd = self.secrets.add("password of an odd type", "odd-type-password-4712", Place::Nowhere);
        self.anonymous("/auth/login", &json!({ "email": [odd], "password": { "is": odd } })).send().await;
        self.anonymous("/auth/login", &json!({ "email": EMAIL, "password": 1, odd.as_str(): 2 }))
            .send()
            .await;
        let broken = format!(r#"{{"email":"{EMAIL}","password":"{odd}"#);
        self.product.call(Method::POST, "/auth/login").body("application/json", broken).send().await;

        self.anonymous("/auth/password/forgot", &json!({ "email": EMAIL })).send().await.expect(202);
        let path = format!("/api/organizations/{}/invitations", self.org);
        self.post(&path, &json!({ "email": INVITED, "role": "member" })).await.expect(201);
        let mut links = 0;
        while links < 2 {
            let mail = self.product.stack.next_mail().await;
            if let Some(token) = link_token(&mail) {
                links += 1;
                self.secrets.nowhere("token of a link", &token);
                // In a path and a query, where nobody should put it.
                let text = token.as_str().unwrap();
                let path = format!("/auth/link/{text}?token={text}");
                self.product.call(Method::GET, &path).send().await;
                self.anonymous("/auth/email/verify", &json!({ "token": text })).send().await;
            }
        }
        let begun = self.post("/auth/mfa/totp", &json!({ "password": password })).await.expect(200);
        let secret = self.secrets.nowhere("TOTP secret", &begun["secret"]);
        let on = self.post("/auth/mfa/totp/confirm", &json!({ "code": totp(&secret) })).await.expect(200);
        for code in on["recovery_codes"].as_array().unwrap() {
            self.secrets.nowhere("recovery code", code);
        }
        let asked =
            self.anonymous("/auth/login", &json!({ "email": EMAIL, "password": password })).send().await;
        let challenge = self.secrets.nowhere("challenge", &asked.json()["challenge"]);
        let recovery = on["recovery_codes"][0].clone();
        let body = json!({ "challenge": challenge, "code": recovery });
        let again = self.anonymous("/auth/mfa/challenge", &body).send().await.expect(200);
        self.secrets.nowhere("another access token", &again["access_token"]);
    }

    /// API keys, used well and badly.
    async fn keys(&mut self) -> String {
        let body = json!({ "name": "Publisher", "scopes": ["events:write", "events:read"] });
        let made = self.post("/api/api-keys", &body).await.expect(201);
        let key = self.secrets.nowhere("API key", &made["key"]);
        let id = made["id"].as_str().unwrap();
        self.post("/api/api-keys/verify", &json!({ "key": key })).await;
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={key}");
        let request = self.product.call(Method::POST, "/oauth/token");
        let token = request.body("application/x-www-form-urlencoded", form).send().await.expect(200);
        self.secrets.nowhere("token of a key", &token["access_token"]);
        let rotated =
            self.post(&format!("/api/api-keys/{id}/rotate"), &json!({ "grace_seconds": 3600 })).await;
        if rotated.status.is_success() {
            self.secrets.nowhere("API key after its rotation", &rotated.json()["key"]);
        }
        let mut wrong = key.clone();
        wrong.replace_range(12..16, "zzzz");
        self.secrets.add("API key with a wrong checksum", &wrong, Place::Nowhere);
        for path in ["/auth/me", "/api/events", &format!("/api/webhooks?cursor={wrong}")] {
            self.product.call(Method::GET, path).bearer(&wrong).send().await;
        }
        key
    }

    /// Webhooks, events and what receivers say.
    async fn deliveries(&mut self, key: &str, receiver: &Receiver) {
        let own = self.secrets.add("value of an own header", "Bearer own-header-value-4713", Place::Nowhere);
        let url = format!("{}?token=token-in-the-url-4714", receiver.url());
        self.secrets.add("token in the URL of a webhook", "token-in-the-url-4714", Place::Table);
        let body = json!({ "url": url, "headers": { "x-own": own } });
        let made = self.post("/api/webhooks", &body).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        self.secrets.nowhere("signing secret", &made["secret"]);
        let rotated = self.post(&format!("/api/webhooks/{id}/rotate-secret"), &json!({})).await;
        if rotated.status.is_success() {
            self.secrets.nowhere("signing secret after its rotation", &rotated.json()["secret"]);
        }
        // A receiver that nobody reaches, with a credential of its own in its URL.
        let elsewhere = json!({ "url": "http://127.0.0.1:65000/hook?key=another-token-in-a-url-4715" });
        self.secrets.add("token in another URL", "another-token-in-a-url-4715", Place::Table);
        self.post("/api/webhooks", &elsewhere).await.expect(201);
        let data = self.secrets.add("data of an event", "data-of-the-event-4716", Place::Table);
        let idempotency = self.secrets.add("idempotency key", "idempotency-key-4717", Place::Nowhere);
        let said = self.secrets.add("what a receiver said", "the-receiver-said-4718", Place::Table);
        receiver.answer_with(503, &[], said);
        let event = json!({ "type": "invoice.paid", "data": { "card": data } });
        for _ in 0..2 {
            let request = self.product.call(Method::POST, "/api/events").bearer(key).json(&event);
            request.header("idempotency-key", &idempotency).send().await.expect(202);
        }
        receiver.next_call().await;
        self.post("/api/events", &json!({ "type": "invoice.paid", "data": data })).await;
        // The second attempt, which is five seconds away: its task was in the queue with a delay.
        receiver.next_call().await;
    }
}

fn client(product: &Product) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(product.stack.services().endpoint(Service::DynamoDb))
        .http_client(http_client(Roots::AmazonFirst));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Every item of a table, as text.
async fn dump(product: &Product, table: &str) -> String {
    let client = client(product);
    let scan = client.scan().table_name(product.stack.services().table_name(table));
    let items = scan.send().await.unwrap().items.unwrap();
    assert!(items.len() < 1000, "one page has them all");
    items
        .into_iter()
        .map(|item| serde_dynamo::from_item::<_, Value>(item).unwrap().to_string() + "\n")
        .collect()
}

/// SECRET_KEY.
async fn secret_key(product: &Product) -> Value {
    let services = product.stack.services();
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(services.endpoint(Service::SecretsManager))
        .http_client(http_client(Roots::AmazonFirst));
    let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
    let id = &services.environment("auth")["SECRET_KEY_ARN"];
    let value = client.get_secret_value().secret_id(id).send().await.unwrap();
    serde_json::from_str::<Value>(value.secret_string().unwrap()).unwrap()["key"].clone()
}

#[tokio::test]
async fn nothing_that_is_secret_is_printed_stored_or_queued() {
    let elsewhere = Receiver::start().await.unwrap();
    let base = url::Url::parse(elsewhere.url()).unwrap().join("/").unwrap();
    let dsn = format!("http://abc@{}:{}/42", base.host_str().unwrap(), base.port().unwrap());
    let variables = [
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("SENTRY_DSN", &dsn),
    ];
    let (product, captured) = Product::start_captured(&variables).await;
    let receiver = Receiver::start().await.unwrap();
    let mut walk = Walk { product, secrets: Secrets::default(), token: String::new(), org: String::new() };
    let key = secret_key(&walk.product).await;
    walk.secrets.nowhere("SECRET_KEY", &key);
    walk.people().await;
    let key = walk.keys().await;
    walk.deliveries(&key, &receiver).await;
    // A failure of our own, which goes to Sentry.
    damage(&walk.product, &walk.org, "name").await;
    walk.product
        .call(Method::GET, &format!("/api/organizations/{}", walk.org))
        .bearer(&walk.token)
        .send()
        .await;

    let tables = [dump(&walk.product, "Table").await, dump(&walk.product, "LimitsTable").await].concat();
    let Walk { product, secrets, org, .. } = walk;
    product.stack.shutdown().await;
    let lines: Vec<_> = captured.lines().into_iter().map(|(name, line)| format!("[{name}] {line}")).collect();
    let lines = lines.join("\n");
    let queues = captured.batches().join("\n");
    let shown = |call: &stack::Call| {
        format!("{} {:?} {}", call.path, call.headers, String::from_utf8_lossy(&call.body))
    };
    let told = elsewhere.calls().iter().map(shown).collect::<Vec<_>>().join("\n");

    assert_eq!(found(&secrets, &lines, &[]), [""; 0], "in what was printed");
    assert_eq!(found(&secrets, &told, &[]), [""; 0], "in what a collector and Sentry got");
    assert_eq!(found(&secrets, &queues, &[]), [""; 0], "in the messages of the queues");
    assert_eq!(found(&secrets, &tables, &[Place::Table]), [""; 0], "in the tables");

    // The search finds what is there: in each place, something that may be.
    let mut known = Secrets::default();
    known.0.push(("organisation".to_owned(), org, Place::Nowhere));
    for (text, place) in [(&lines, "lines"), (&told, "spans"), (&queues, "queues"), (&tables, "tables")] {
        assert_eq!(found(&known, text, &[]), ["organisation"], "{place}");
    }
    let stored: Vec<_> = secrets.0.iter().filter(|(_, _, place)| *place == Place::Table).collect();
    assert!(
        stored.len() >= 6 && stored.iter().all(|(_, text, _)| tables.contains(text)),
        "they were all fed"
    );
    assert!(secrets.0.len() >= 40, "{}", secrets.0.len());
    for printed in
        ["request answered", "request failed", "delivery attempted", "\"_aws\":", "CloudWatchMetrics"]
    {
        assert!(lines.contains(printed), "{printed}");
    }
    assert!(told.contains("/v1/traces ") && told.contains("/api/42/envelope/ "), "both were told");
}

/// Takes an attribute away from an item that stands for itself in its partition, so that it cannot be read.
async fn damage(product: &Product, pk: &str, attribute: &str) {
    let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let update = client(product).update_item().table_name(product.stack.services().table_name("Table"));
    let update = update.key("pk", key(pk)).key("sk", key("self")).update_expression("REMOVE #attribute");
    update.expression_attribute_names("#attribute", attribute).send().await.unwrap();
}

/// What an address leads to cannot be read any more.
pub(crate) async fn damage_address(product: &Product, email: &str) {
    let email: shared::user::Email = email.parse().unwrap();
    damage(product, &format!("email#{}", email.digest()), "password_hash").await;
}
