//! Faults, as the SDKs that the functions use see them.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use stack::{FAULTS_PATH, Fault, FaultKind, Ports, Service, Services, Settings, State, Template};

use crate::fixture;
use crate::services::dynamodb;

async fn faulty() -> Services {
    let template = Template::load(fixture()).unwrap();
    let settings = Settings { faults: true, ..Settings::default() };
    Services::start_on(&template, State::Memory, Ports::ANY, settings).await.unwrap()
}

/// Tried once, what came of it: `Ok`, the code of a refusal, or that there was no answer.
async fn put(services: &Services, pk: &str) -> Result<(), String> {
    let once = dynamodb(services).config().to_builder().retry_config(RetryConfig::disabled()).build();
    let put = aws_sdk_dynamodb::Client::from_conf(once).put_item().table_name(services.table_name("Table"));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    match put.item("pk", text(pk)).item("sk", text("item")).item("due", text("2026")).send().await {
        Ok(_) => Ok(()),
        Err(error @ SdkError::ServiceError(_)) => Err(error.code().unwrap_or("no code").to_owned()),
        Err(SdkError::DispatchFailure(_) | SdkError::ResponseError(_)) => Err("no answer".to_owned()),
        Err(other) => Err(format!("{other:?}")),
    }
}

async fn is_there(services: &Services, pk: &str) -> bool {
    let get = dynamodb(services).get_item().table_name(services.table_name("Table")).consistent_read(true);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    get.key("pk", text(pk)).key("sk", text("item")).send().await.unwrap().item.is_some()
}

#[tokio::test]
async fn each_kind_of_fault_is_what_aws_does_in_trouble_and_ends_when_it_is_switched_off() {
    let services = faulty().await;
    for (kind, said, done) in [
        (FaultKind::Throttled, Err("ProvisionedThroughputExceededException"), false),
        (FaultKind::Failing, Err("InternalServerError"), false),
        (FaultKind::Unavailable, Err("ServiceUnavailable"), false),
        (FaultKind::Away, Err("no answer"), false),
        (FaultKind::Lost, Err("no answer"), true),
        (FaultKind::Slow, Ok(()), true),
    ] {
        let pk = format!("{kind:?}");
        services.faults().set(Service::DynamoDb, Some(Fault::of(kind)));
        assert_eq!(put(&services, &pk).await, said.map_err(str::to_owned), "{kind:?}");
        services.faults().set(Service::DynamoDb, None);
        assert_eq!(is_there(&services, &pk).await, done, "{kind:?}");
        assert_eq!(put(&services, &pk).await, Ok(()), "{kind:?}");
    }
    assert_eq!(services.faults().hits(Service::DynamoDb), 5);
}

#[tokio::test]
async fn a_fault_is_of_one_service_and_set_over_http_while_everything_runs() {
    let services = faulty().await;
    let url = format!("{}{FAULTS_PATH}", services.endpoint(Service::Sqs));
    let client = reqwest::Client::new();
    let text = async |call: reqwest::RequestBuilder| call.send().await.unwrap().text().await.unwrap();
    let said = text(client.put(&url).body(r#"{"dynamodb":{"kind":"throttled","per_mille":500}}"#)).await;
    let expected = json!({
        "dynamodb": { "kind": "throttled", "per_mille": 500, "latency_ms": 0 },
        "sqs": null, "secretsmanager": null, "ses": null,
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Value>(&text(client.get(&url)).await).unwrap(), expected);
    let refused = Err("ProvisionedThroughputExceededException".to_owned());
    let came = [put(&services, "a").await, put(&services, "b").await, put(&services, "c").await];
    assert_eq!(came, [Ok(()), refused, Ok(())]);
    for odd in [r#"{"s3":{"kind":"away"}}"#, r#"{"sqs":{"kind":"gone"}}"#, "{"] {
        let answer = client.put(&url).body(odd).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{odd}");
    }
    assert_eq!(serde_json::from_str::<Value>(&text(client.get(&url)).await).unwrap(), expected);
    text(client.put(&url).body("{}")).await;
    assert_eq!(put(&services, "d").await, Ok(()));
}

#[tokio::test]
async fn latency_is_added_to_every_call() {
    let services = faulty().await;
    services.faults().set(Service::DynamoDb, Some(Fault { latency_ms: 80, ..Fault::of(FaultKind::Slow) }));
    let began = std::time::Instant::now();
    assert_eq!(put(&services, "a").await, Ok(()));
    assert!(began.elapsed() >= std::time::Duration::from_millis(80));
}
