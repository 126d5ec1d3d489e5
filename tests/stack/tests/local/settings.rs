//! What functions are told here instead of what the template says.

use std::collections::BTreeMap;

use stack::{Binaries, Options, Services, Settings, Stack, State, Template};

use crate::fixture_of_two;

async fn services(parameters: &[(&str, &str)]) -> Services {
    let template = Template::load_with(fixture_of_two(), parameters).unwrap();
    Services::start(&template, State::Memory).await.unwrap()
}

/// Without what every function has.
fn own(services: &Services, function: &str) -> BTreeMap<String, String> {
    let environment = services.environment(function).into_iter();
    environment.filter(|(name, _)| !name.starts_with("AWS_") && name != "TABLE_NAME").collect()
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn nobody_has_to_verify_an_address_and_links_lead_to_this_machine() {
    let services = services(&[]).await;
    let expected = map([
        ("LIMITS_TABLE_NAME", "local-LimitsTable"),
        ("MAIL_QUEUE_URL", services.queue_url("MailQueue")),
        ("EMAIL_VERIFICATION", "off"),
    ]);
    assert_eq!(own(&services, "organizations"), expected);
    let expected = map([
        ("MAIL_FROM", "AI Foundry <no-reply@example.com>"),
        ("LINK_URL", "http://127.0.0.1:3000/auth/link"),
    ]);
    assert_eq!(own(&services, "mailer"), expected);
    assert_eq!(own(&services, "dispatcher"), map([]));
    let endpoint = &services.environment("mailer")["AWS_ENDPOINT_URL_SESV2"];
    assert_eq!(endpoint, services.endpoint(stack::Service::Ses));
}

#[tokio::test]
async fn what_is_given_by_hand_wins() {
    let services = services(&[
        ("PublicUrl", "https://foundry.example.com"),
        ("EmailVerification", "on"),
        ("MailFrom", "Us <us@example.com>"),
    ]);
    let services = services.await;
    assert_eq!(own(&services, "organizations")["EMAIL_VERIFICATION"], "on");
    let expected =
        map([("MAIL_FROM", "Us <us@example.com>"), ("LINK_URL", "https://foundry.example.com/auth/link")]);
    assert_eq!(own(&services, "mailer"), expected);
}

#[tokio::test]
async fn the_stack_can_ask_for_verification_and_its_links_lead_to_its_gateway() {
    let options =
        Options { binaries: Binaries::Attached, verify_email: true, ..Options::new(fixture_of_two()) };
    let stack = Stack::start(options).await.unwrap();
    assert_eq!(own(stack.services(), "organizations")["EMAIL_VERIFICATION"], "on");
    let link = format!("{}/auth/link", stack.url());
    assert_eq!(own(stack.services(), "mailer")["LINK_URL"], link);
}

#[tokio::test]
async fn services_alone_lead_links_to_the_port_of_another_gateway() {
    let options = Options { services_only: true, gateway_port: 9000, ..Options::new(fixture_of_two()) };
    let stack = Stack::start(options).await.unwrap();
    assert_eq!(own(stack.services(), "mailer")["LINK_URL"], "http://127.0.0.1:9000/auth/link");
    assert_eq!(Settings::default().gateway_url, "http://127.0.0.1:3000");
}
