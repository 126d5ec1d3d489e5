//! The least that a function behind an HTTP API can be which reads one item of a table with the SDK, over
//! its own HTTP client: the one of
//! `FLOOR_PK` and `FLOOR_SK`, if these are set.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_http::{Body, Error, Request, Response, service_fn};

#[expect(clippy::disallowed_methods, reason = "it has no settings")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A part of the key; one that no item has where the variable is not set.
fn key(name: &str) -> String {
    Some(variable(name)).filter(|value| !value.is_empty()).unwrap_or_else(|| "floor".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "floor"))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https())
        .endpoint_url(variable("AWS_ENDPOINT_URL_DYNAMODB"));
    let client = &aws_sdk_dynamodb::Client::from_conf(config.build());
    let (table, [pk, sk]) = (&variable("TABLE_NAME"), &["FLOOR_PK", "FLOOR_SK"].map(key));
    let get = move || {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        client.get_item().table_name(table).consistent_read(true).key("pk", text(pk)).key("sk", text(sk))
    };
    // As the functions do: connect while that is not slowed down by a small memory.
    get().send().await?;
    lambda_http::run(service_fn(move |_: Request| async move {
        let found = get().send().await?.item.is_some();
        let answer = Response::builder().header("content-type", "application/json");
        Ok::<_, Error>(answer.body(Body::from(format!(r#"{{"found":{found}}}"#)))?)
    }))
    .await
}
