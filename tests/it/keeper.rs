//! SECRET_KEY while Secrets Manager is in trouble, over the wire, for a function that has it already.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use shared::circuit::Circuit;
use shared::clock::{Clock, Timestamp};
use shared::secret::Keeper;
use shared::transport::{Roots, http_client};
use stack::{Fault, FaultKind, Ports, Service, Services, Settings, State};

fn client(services: &Services, clock: Clock) -> Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(services.endpoint(Service::SecretsManager))
        .http_client(http_client(Roots::AmazonFirst))
        .retry_config(RetryConfig::disabled())
        .interceptor(Circuit::new("Secrets Manager", clock));
    Client::from_conf(config.build())
}

#[tokio::test]
async fn a_function_that_has_the_key_goes_on_with_it_and_learns_the_next_when_it_can() {
    let settings = Settings { faults: true, ..Settings::default() };
    let services = Services::start_on(&it::template(), State::Memory, Ports::ANY, settings).await.unwrap();
    let (clock, hands) = Clock::standing_at(Timestamp::from_seconds(1_767_225_600));
    let secret_id = services.environment("auth")["SECRET_KEY_ARN"].clone();
    let client = client(&services, clock.clone());
    let keeper = Keeper::open(client.clone(), secret_id.clone(), clock).await.unwrap();
    let first = keeper.ring().await.current().kid().to_owned();
    let hits = || services.faults().hits(Service::SecretsManager);
    for kind in [FaultKind::Away, FaultKind::Throttled, FaultKind::Failing] {
        services.faults().set(Service::SecretsManager, Some(Fault::of(kind)));
        let before = hits();
        hands.advance(Keeper::REFRESH);
        for _ in 0..10 {
            assert_eq!(keeper.ring().await.current().kid(), first, "{kind:?}");
            assert_eq!(keeper.ring_with("nobody's").await.current().kid(), first, "{kind:?}");
        }
        assert_eq!(hits() - before, 1, "{kind:?}: asked once, and not by each that wants the key");
    }
    // It is back, with another key beside the first.
    services.faults().set(Service::SecretsManager, None);
    let held = client.get_secret_value().secret_id(&secret_id).send().await.unwrap().secret_string.unwrap();
    let next = held.replacen(&format!("\"{first}\""), "\"k9\"", 1);
    client.put_secret_value().secret_id(&secret_id).secret_string(&next).send().await.unwrap();
    assert_eq!(keeper.ring().await.current().kid(), first, "it is not asked before half a minute is over");
    hands.advance(Duration::from_secs(30));
    assert_eq!(keeper.ring().await.named("k9").map(|key| key.kid().to_owned()), Some("k9".to_owned()));
}
