//! The circuit breaker before an AWS service, with a client of the SDK as functions have it and a service that is away.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::circuit::{Circuit, Rests};
use shared::clock::{Clock, Hands, Timestamp};
use shared::transport::{Roots, http_client};
use stack::{Fault, FaultKind, Ports, Service, Services, Settings, State};

/// A table, and a client of it as functions have it, but that it does not wait between its attempts.
struct Side {
    services: Services,
    client: Client,
    hands: Hands,
}

impl Side {
    async fn start() -> Self {
        let settings = Settings { faults: true, ..Settings::default() };
        let services =
            Services::start_on(&it::template(), State::Memory, Ports::ANY, settings).await.unwrap();
        let (clock, hands) = Clock::standing_at(Timestamp::from_seconds(1_767_225_600));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .endpoint_url(services.endpoint(Service::DynamoDb))
            .http_client(http_client(Roots::AmazonFirst))
            .retry_config(shared::boot::retries().with_initial_backoff(Duration::ZERO))
            .interceptor(Circuit::new("DynamoDB", clock));
        Self { services, client: Client::from_conf(config.build()), hands }
    }

    fn set(&self, kind: Option<FaultKind>) {
        self.services.faults().set(Service::DynamoDb, kind.map(Fault::of));
    }

    /// What came of one read: `Ok`, the code of a refusal, that the circuit was open, or that there was no answer;
    /// and how many calls the service had for it that were hit.
    async fn read(&self) -> (&'static str, u64) {
        let before = self.services.faults().hits(Service::DynamoDb);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let read = self.client.get_item().table_name(self.services.table_name("Table"));
        let said = match read.key("pk", text("a")).key("sk", text("b")).send().await {
            Ok(_) => "an answer",
            Err(error) if Rests::is_cause_of(&error) => "open",
            Err(error) if error.code() == Some("ProvisionedThroughputExceededException") => "throttled",
            Err(_) => "no answer",
        };
        (said, self.services.faults().hits(Service::DynamoDb) - before)
    }
}

#[tokio::test]
async fn a_service_that_is_away_is_left_alone_but_for_one_call_a_second() {
    for kind in [FaultKind::Away, FaultKind::Failing, FaultKind::Unavailable] {
        let side = Side::start().await;
        assert_eq!(side.read().await, ("an answer", 0));
        side.set(Some(kind));
        assert_eq!(side.read().await, ("no answer", 3), "{kind:?}: as often as the client tries");
        assert_eq!(side.read().await, ("no answer", 1), "{kind:?}: once");
        assert_eq!(side.read().await, ("no answer", 1), "{kind:?}: once, and that is enough");
        for _ in 0..50 {
            assert_eq!(side.read().await, ("open", 0), "{kind:?}");
        }
        side.hands.advance(Duration::from_secs(1));
        assert_eq!([side.read().await, side.read().await], [("no answer", 1), ("open", 0)], "{kind:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_back_is_called_again_within_a_second() {
    let side = Side::start().await;
    side.set(Some(FaultKind::Away));
    while side.read().await.0 != "open" {}
    side.set(None);
    assert_eq!(side.read().await, ("open", 0));
    side.hands.advance(Duration::from_secs(1));
    assert_eq!([side.read().await, side.read().await], [("an answer", 0); 2]);
    // And it tries as often as before.
    side.set(Some(FaultKind::Away));
    assert_eq!(side.read().await, ("no answer", 3));
}

#[tokio::test]
async fn of_fifty_calls_at_once_after_the_rest_one_goes_through() {
    let side = Side::start().await;
    side.set(Some(FaultKind::Away));
    while side.read().await.0 != "open" {}
    side.hands.advance(Duration::from_secs(1));
    let before = side.services.faults().hits(Service::DynamoDb);
    futures_util::future::join_all((0..50).map(|_| side.read())).await;
    assert_eq!(side.services.faults().hits(Service::DynamoDb) - before, 1);
}

#[tokio::test]
async fn throttling_is_an_answer() {
    let side = Side::start().await;
    side.set(Some(FaultKind::Throttled));
    for _ in 0..3 {
        assert_eq!(side.read().await, ("throttled", 3));
    }
}

#[tokio::test]
async fn calls_that_end_by_their_deadline_count() {
    let side = Side::start().await;
    let hasty = aws_sdk_dynamodb::config::timeout::TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(1))
        .build();
    let config =
        side.client.config().to_builder().timeout_config(hasty).retry_config(RetryConfig::disabled());
    let side = Side { client: Client::from_conf(config.build()), ..side };
    let slow = Fault { latency_ms: 60_000, ..Fault::of(FaultKind::Slow) };
    side.services.faults().set(Service::DynamoDb, Some(slow));
    for _ in 0..5 {
        assert_eq!(side.read().await, ("no answer", 0));
    }
    assert_eq!(side.read().await, ("open", 0));
}
