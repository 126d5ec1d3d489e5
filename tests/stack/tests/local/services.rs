//! The services, through the SDKs that the functions use.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use shared::transport::{Roots, http_client};
use stack::{Service, Services, Settings, State, Template};

use crate::{directory, fixture, services};

macro_rules! client {
    ($sdk:ident, $services:expr, $service:expr) => {{
        let credentials = $sdk::config::Credentials::new("local", "local", None, None, "test");
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url($services.endpoint($service))
            .http_client(http_client(Roots::AmazonFirst))
            .build();
        $sdk::Client::from_conf(config)
    }};
}

pub(crate) fn dynamodb(services: &Services) -> aws_sdk_dynamodb::Client {
    client!(aws_sdk_dynamodb, services, Service::DynamoDb)
}

fn sqs(services: &Services) -> aws_sdk_sqs::Client {
    client!(aws_sdk_sqs, services, Service::Sqs)
}

pub(crate) fn secrets(services: &Services) -> aws_sdk_secretsmanager::Client {
    client!(aws_sdk_secretsmanager, services, Service::SecretsManager)
}

async fn put(services: &Services, pk: &str, expires_at: u64) {
    dynamodb(services)
        .put_item()
        .table_name(services.table_name("Table"))
        .item("pk", AttributeValue::S(pk.to_owned()))
        .item("sk", AttributeValue::S("item".to_owned()))
        .item("due", AttributeValue::S("2026".to_owned()))
        .item("expires_at", AttributeValue::N(expires_at.to_string()))
        .send()
        .await
        .unwrap();
}

async fn is_there(services: &Services, pk: &str) -> bool {
    let item = dynamodb(services)
        .get_item()
        .table_name(services.table_name("Table"))
        .key("pk", AttributeValue::S(pk.to_owned()))
        .key("sk", AttributeValue::S("item".to_owned()))
        .consistent_read(true)
        .send();
    item.await.unwrap().item.is_some()
}

async fn secret(services: &Services) -> String {
    let arn = &services.environment("Keys")["SECRET_KEY_ARN"];
    let value = secrets(services).get_secret_value().secret_id(arn).send();
    let value = value.await.unwrap();
    assert_eq!(value.arn(), Some(arn.as_str()));
    value.secret_string.unwrap()
}

#[tokio::test]
async fn an_item_that_was_put_is_found_by_key_and_by_index() {
    let services = services().await;
    put(&services, "a", 9_999_999_999).await;
    assert!(is_there(&services, "a").await);
    let found = dynamodb(&services)
        .query()
        .table_name(services.table_name("Table"))
        .index_name("by_due")
        .key_condition_expression("due = :due")
        .expression_attribute_values(":due", AttributeValue::S("2026".to_owned()))
        .send();
    assert_eq!(found.await.unwrap().count, 1);
}

#[tokio::test]
async fn a_sweep_deletes_what_expired_before_the_time_it_is_told() {
    let services = services().await;
    put(&services, "early", 4_000_000_000).await;
    put(&services, "late", 4_000_000_100).await;
    assert_eq!(services.sweep_ttl(4_000_000_050).unwrap(), 1);
    assert!(!is_there(&services, "early").await);
    assert!(is_there(&services, "late").await);
}

#[tokio::test]
async fn a_message_with_a_group_is_taken_by_a_standard_queue() {
    let services = services().await;
    let (client, url) = (sqs(&services), services.queue_url("Deliveries"));
    let sent = client.send_message().queue_url(url).message_body("one");
    sent.message_group_id("customer").send().await.unwrap();
    let entry = SendMessageBatchRequestEntry::builder().id("1").message_body("two");
    let entry = entry.message_group_id("customer").build().unwrap();
    let batch = client.send_message_batch().queue_url(url).entries(entry);
    assert_eq!(batch.send().await.unwrap().successful().len(), 1);

    let received = client.receive_message().queue_url(url).max_number_of_messages(10);
    let received = received.send().await.unwrap();
    let mut bodies: Vec<_> = received.messages().iter().map(|message| message.body().unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["one", "two"]);
}

#[tokio::test]
async fn a_message_that_is_received_too_often_goes_to_the_dead_letters() {
    let services = services().await;
    let (client, url) = (sqs(&services), services.queue_url("Deliveries"));
    client.send_message().queue_url(url).message_body("poison").send().await.unwrap();
    for _ in 0..2 {
        let received = client.receive_message().queue_url(url).visibility_timeout(0);
        assert_eq!(received.send().await.unwrap().messages().len(), 1);
    }
    let received = client.receive_message().queue_url(url).send().await.unwrap();
    assert!(received.messages().is_empty());
    let dead = client
        .receive_message()
        .queue_url(services.queue_url("DeadLetters"))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .wait_time_seconds(5)
        .send()
        .await
        .unwrap();
    assert_eq!(dead.messages()[0].body(), Some("poison"));
}

#[tokio::test]
async fn the_generated_secret_is_put_into_its_template() {
    let services = services().await;
    let secret: serde_json::Value = serde_json::from_str(&secret(&services).await).unwrap();
    assert_eq!(secret["version"], 1);
    let key = secret["key"].as_str().unwrap();
    assert_eq!(key.len(), 64);
    assert!(key.chars().all(|c| c.is_ascii_alphanumeric()), "{key}");
}

#[tokio::test]
async fn tables_and_secrets_outlive_a_restart() {
    let template = Template::load(fixture()).unwrap();
    let state = State::Directory(directory("outlive"));
    let first = Services::start(&template, state.clone()).await.unwrap();
    put(&first, "kept", 9_999_999_999).await;
    let generated = secret(&first).await;
    let arn = first.environment("Keys")["SECRET_KEY_ARN"].clone();
    let rotated = secrets(&first).put_secret_value().secret_id(&arn);
    let rotated = rotated.secret_string("rotated").send().await.unwrap();
    drop(first);

    let second = Services::start(&template, state.clone()).await.unwrap();
    assert!(is_there(&second, "kept").await);
    assert_eq!(second.environment("Keys")["SECRET_KEY_ARN"], arn);
    assert_eq!(secret(&second).await, "rotated");
    let previous = secrets(&second).get_secret_value().secret_id(&arn);
    let previous = previous.version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string(), Some(generated.as_str()));
    let current = secrets(&second).get_secret_value().secret_id(&arn);
    let current = current.version_id(rotated.version_id().unwrap()).send();
    assert_eq!(current.await.unwrap().secret_string(), Some("rotated"));

    let State::Directory(path) = state else { unreachable!("set above") };
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(path.join("secrets.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_table_whose_key_changed_is_refused_with_the_way_out() {
    let state = State::Directory(directory("changed"));
    let template = Template::load(fixture()).unwrap();
    drop(Services::start(&template, state.clone()).await.unwrap());
    let text = std::fs::read_to_string(fixture()).unwrap();
    let text = text.replace("IndexName: by_due", "IndexName: by_date");
    let changed = Template::parse(&fixture(), &text, &[]).unwrap();
    let error = Services::start(&changed, state).await.unwrap_err().to_string();
    assert!(error.starts_with("table `Table` was made with another key"), "{error}");
    assert!(error.ends_with("--fresh"), "{error}");
}

#[tokio::test]
async fn the_environment_is_the_templates_with_local_addresses() {
    let services = services().await;
    let environment = services.environment("dispatcher");
    assert_eq!(environment, services.environment("Dispatcher"));
    let own = environment.iter().filter(|(name, _)| !name.starts_with("AWS_"));
    let own: BTreeMap<_, _> = own.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = BTreeMap::from([
        ("STAGE", "dev"),
        ("TABLE_NAME", "local-Table"),
        ("DELIVERIES_QUEUE_URL", services.queue_url("Deliveries")),
        ("EGRESS_ALLOW_HTTP", "true"),
        ("EGRESS_ALLOWED_CIDRS", "127.0.0.0/8,::1/128"),
    ]);
    assert_eq!(own, expected);
    let endpoint = &environment["AWS_ENDPOINT_URL_DYNAMODB"];
    assert_eq!(endpoint, services.endpoint(Service::DynamoDb));
    assert!(!environment.contains_key("AWS_ENDPOINT_URL"), "it is AWS::NoValue");
    assert_eq!(
        services.environment("api_keys")["LABEL"],
        "local:us-east-1:000000000000:aws:local-Deliveries"
    );
}

#[tokio::test]
async fn a_parameter_given_by_hand_wins_over_the_local_value() {
    let template = Template::load_with(fixture(), &[("EgressAllowHttp", "false")]).unwrap();
    let services = Services::start(&template, State::Memory).await.unwrap();
    assert_eq!(services.environment("Dispatcher")["EGRESS_ALLOW_HTTP"], "false");
}

#[tokio::test]
async fn dropping_the_services_frees_their_ports() {
    let services = services().await;
    let ports = stack::Ports {
        dynamodb: port(services.endpoint(Service::DynamoDb)),
        others: port(services.endpoint(Service::Sqs)),
        host: None,
    };
    let template = Template::load(fixture()).unwrap();
    let taken = Services::start_on(&template, State::Memory, ports.clone(), Settings::default()).await;
    let error = taken.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on port {}", ports.dynamodb)), "{error}");
    put(&services, "open connection", 1).await;
    drop(services);
    Services::start_on(&template, State::Memory, ports, Settings::default()).await.unwrap();
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}
