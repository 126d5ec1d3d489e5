//! Mails: sent through the SDK, read by tests, browsers and programs.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sesv2::error::ProvideErrorMetadata as _;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use serde_json::{Value, json};
use shared::transport::{Roots, http_client};
use stack::{Binaries, MAIL_PATH, Mail, Options, Service, Services, Stack, State, Template};

use crate::attached::{client, json_of};
use crate::{directory, fixture_of_two};

fn ses(services: &Services) -> Client {
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(services.endpoint(Service::Ses))
        .http_client(http_client(Roots::AmazonFirst))
        .build();
    Client::from_conf(config)
}

fn content(data: &str) -> Content {
    Content::builder().data(data).charset("UTF-8").build().unwrap()
}

/// To Ada, with this subject, text and HTML.
fn mail(services: &Services, subject: &str, text: &str, html: &str) -> SendEmailFluentBuilder {
    let body = Body::builder().text(content(text)).html(content(html)).build();
    let header = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().unwrap();
    let message = Message::builder().subject(content(subject)).body(body).headers(header).build();
    ses(services)
        .send_email()
        .from_email_address("AI Foundry <no-reply@example.com>")
        .destination(Destination::builder().to_addresses("ada@example.com").build())
        .reply_to_addresses("help@example.com")
        .content(EmailContent::builder().simple(message).build())
}

async fn services(state: State) -> Services {
    Services::start(&Template::load(fixture_of_two()).unwrap(), state).await.unwrap()
}

async fn attached() -> Stack {
    let options = Options { binaries: Binaries::Attached, ..Options::new(fixture_of_two()) };
    Stack::start(options).await.unwrap()
}

#[tokio::test]
async fn a_mail_is_handed_out_once_it_was_sent() {
    let services = services(State::Memory).await;
    assert_eq!(services.mail_within(Duration::ZERO).await, None);
    let sending = mail(&services, "Grüße", "text", "<p>html</p>").send();
    let (received, sent) = tokio::join!(services.next_mail(), sending);
    let expected = Mail {
        id: sent.unwrap().message_id.unwrap(),
        from: "AI Foundry <no-reply@example.com>".to_owned(),
        to: vec!["ada@example.com".to_owned()],
        subject: "Grüße".to_owned(),
        text: Some("text".to_owned()),
        html: Some("<p>html</p>".to_owned()),
        reply_to: vec!["help@example.com".to_owned()],
        headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
        received_at: received.received_at.clone(),
    };
    assert_eq!(received, expected);
    assert_eq!(services.mails(), [expected]);
    assert_eq!(services.mail_within(Duration::ZERO).await, None);
}

#[tokio::test]
async fn what_ses_refuses_is_refused_with_a_bad_request() {
    let services = services(State::Memory).await;
    let refused = async |request: SendEmailFluentBuilder| {
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(error.is_bad_request_exception(), "{error:?}");
        error.message().unwrap().to_owned()
    };
    let fine = || mail(&services, "subject", "text", "html");
    assert_eq!(
        refused(fine().from_email_address("no-reply")).await,
        "`FromEmailAddress`: `no-reply` has no `@domain`"
    );
    assert_eq!(
        refused(fine().destination(Destination::builder().build())).await,
        "the mail has no recipient"
    );
    let to = |address: &str| Destination::builder().to_addresses(address).build();
    assert_eq!(
        refused(fine().destination(to("a@example.com, b@example.com"))).await,
        "`Destination`: `a@example.com, b@example.com` is no address"
    );
    assert_eq!(
        refused(fine().destination(to("jürgen@example.com"))).await,
        "`Destination`: `jürgen@example.com` has characters that are not ASCII"
    );
    let long = "Hello\r\nBcc: everybody@example.com";
    assert_eq!(refused(mail(&services, long, "text", "html")).await, "`Subject` is more than one line");
    let plain = Content::builder().data("Grüße").build().unwrap();
    let plain = Message::builder().subject(plain).body(Body::builder().text(content("text")).build()).build();
    let plain = EmailContent::builder().simple(plain).build();
    assert_eq!(refused(fine().content(plain)).await, "`Subject` is not ASCII: it needs a `Charset`");
    let empty = Message::builder().subject(content("subject")).body(Body::builder().build()).build();
    let empty = EmailContent::builder().simple(empty).build();
    assert_eq!(refused(fine().content(empty)).await, "`Body` has neither `Text` nor `Html`");
    assert_eq!(services.mails(), []);
}

#[tokio::test]
async fn mails_outlive_a_restart_and_only_their_owner_reads_the_file() {
    let path = directory("mails");
    let first = services(State::Directory(path.clone())).await;
    mail(&first, "kept", "text", "html").send().await.unwrap();
    let kept = first.mails();
    drop(first);
    let second = services(State::Directory(path.clone())).await;
    assert_eq!(second.mails(), kept);
    assert_eq!(second.mail_within(Duration::ZERO).await, None);
    let mode = std::fs::metadata(path.join("mails.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

async fn get(url: &str, accept: &str) -> reqwest::Response {
    client().get(url).header("accept", accept).send().await.unwrap()
}

#[tokio::test]
async fn programs_get_the_mails_as_json_and_the_newest_first() {
    let stack = attached().await;
    mail(stack.services(), "first", "text", "html").send().await.unwrap();
    mail(stack.services(), "second", "text", "html").send().await.unwrap();
    let [first, second] = &stack.mails()[..] else { panic!("two mails") };
    let json = |mail: &Mail| {
        json!({
            "id": mail.id,
            "from": "AI Foundry <no-reply@example.com>",
            "to": ["ada@example.com"],
            "subject": mail.subject,
            "text": "text",
            "html": "html",
            "received_at": mail.received_at,
        })
    };
    let expected = json!([json(second), json(first)]);
    let list = format!("{}{MAIL_PATH}", stack.url());
    assert_eq!(json_of(get(&list, "application/json").await).await, expected);
    assert_eq!(json_of(get(&format!("{list}.json"), "*/*").await).await, expected);
    let alone = get(&format!("{list}/{}", first.id), "application/json").await;
    assert_eq!(json_of(alone).await, json(first));
    // Where functions run without the gateway, the server of SES has them too.
    let list = format!("{}{MAIL_PATH}.json", stack.services().endpoint(Service::Ses));
    assert_eq!(json_of(get(&list, "*/*").await).await, expected);
}

#[tokio::test]
async fn browsers_get_a_list_and_a_page_of_each_mail() {
    let stack = attached().await;
    let list = format!("{}{MAIL_PATH}", stack.url());
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    assert!(get(&list, html).await.text().await.unwrap().contains("None yet."));
    let sending = mail(
        stack.services(),
        "<script>alert(1)</script>",
        "go to https://a.example/#x=1&y=2 </pre><script>",
        "<a href=\"https://a.example/\">go</a>\"></iframe><script>",
    );
    let id = sending.send().await.unwrap().message_id.unwrap();

    let response = get(&list, html).await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let text = response.text().await.unwrap();
    let row = format!("<a href=\"{MAIL_PATH}/{id}\">&lt;script&gt;alert(1)&lt;/script&gt;</a>");
    assert!(text.contains(&row), "{text}");

    let response = get(&format!("{list}/{id}"), html).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    let text = response.text().await.unwrap();
    for expected in [
        "<a href=\"https://a.example/#x=1&amp;y=2\" target=\"_blank\"",
        "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"",
        "srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;&lt;a href=&quot;https://a.example/&quot;&gt;go&lt;/a&gt;\
         &quot;&gt;&lt;/iframe&gt;&lt;script&gt;\"></iframe>",
        "<tr><th>Auto-Submitted<td>auto-generated\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains("<script"), "{text}");
    let missing = get(&format!("{list}/other"), html).await;
    assert_eq!(missing.status(), 404);
    assert_eq!(client().post(&list).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_a_bad_request() {
    let services = services(State::Memory).await;
    let url = format!("{}/v2/email/outbound-emails", services.endpoint(Service::Ses));
    let response = client().post(url).body("{").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-errortype"], "BadRequestException");
    let body: Value = json_of(response).await;
    assert!(body["message"].is_string(), "{body}");
}
