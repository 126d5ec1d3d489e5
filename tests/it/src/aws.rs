//! Clients of the local services, as the functions have them, and a count of their calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents, SharedCredentialsProvider,
};
use aws_sdk_dynamodb::error::BoxError;

use shared::entropy::Entropy;
use shared::table::Table;
use shared::transport::{Roots, http_client};
use stack::{Service, Services};

use crate::capacity::Units;
use crate::faults::Faults;

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "tests"))
}

/// The operations that were called, by name, and what each is charged as.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<Mutex<Vec<(String, Units)>>>);

impl Counted {
    pub(crate) fn take(&self) -> Vec<String> {
        self.charged().into_iter().map(|(operation, _)| operation).collect()
    }

    pub(crate) fn charged(&self) -> Vec<(String, Units)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = context.request().body().bytes().unwrap_or_default();
        let units = Units::of(&operation, &serde_json::from_slice(body)?);
        self.0.lock().unwrap().push((operation, units));
        Ok(())
    }
}

macro_rules! config {
    ($sdk:ident, $url:expr) => {
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials())
            .endpoint_url($url)
            .http_client(http_client(Roots::AmazonFirst))
    };
}

/// The table of local services, for what would take too long through the API.
pub fn table(services: &Services) -> Table {
    let client = dynamodb(services.endpoint(Service::DynamoDb), Counted::default());
    Table::new(client, services.table_name("Table").to_owned(), Entropy::system())
}

pub(crate) fn dynamodb(url: &str, counted: Counted) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(config!(aws_sdk_dynamodb, url).interceptor(counted).build())
}

/// As often as the functions' clients try, without the waiting.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
}

/// The same, some of whose calls fail.
pub(crate) fn faulty_dynamodb(url: &str, counted: Counted, faults: Faults) -> aws_sdk_dynamodb::Client {
    let config = config!(aws_sdk_dynamodb, url).retry_config(retries());
    let config = config.interceptor(counted).interceptor(faults);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

pub(crate) fn secrets(url: &str) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::from_conf(config!(aws_sdk_secretsmanager, url).build())
}

pub(crate) fn sqs(url: &str) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, url).build())
}

/// The same, some of whose calls fail.
pub(crate) fn faulty_sqs(url: &str, faults: Faults) -> aws_sdk_sqs::Client {
    let config = config!(aws_sdk_sqs, url).retry_config(retries());
    aws_sdk_sqs::Client::from_conf(config.interceptor(faults).build())
}

pub(crate) fn ses(url: &str) -> aws_sdk_sesv2::Client {
    aws_sdk_sesv2::Client::from_conf(config!(aws_sdk_sesv2, url).build())
}
