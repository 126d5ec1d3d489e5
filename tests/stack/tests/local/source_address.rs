//! Whose address a function is told: that of whoever opened the connection.

use std::net::TcpListener;

use serde_json::Value;
use stack::{Binaries, Options, Stack};

use crate::attached::{Function, client};
use crate::fixture;

/// The event that a request to this address becomes.
async fn event(stack: &Stack, url: &str) -> Value {
    let function = Function::attach(stack, "api_keys").await;
    let request = client()
        .get(format!("{url}/keys/1"))
        .header("x-forwarded-for", "203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .header("x-real-ip", "203.0.113.7");
    let (response, event) = tokio::join!(request.send(), async {
        let invocation = function.next().await;
        function.respond(&invocation, &Value::Null).await;
        invocation.event
    });
    assert_eq!(response.unwrap().status(), 200);
    event
}

async fn attached() -> Stack {
    let options = Options { binaries: Binaries::Attached, ..Options::new(fixture()) };
    Stack::start(options).await.unwrap()
}

#[tokio::test]
async fn no_header_changes_the_source_address() {
    let stack = attached().await;
    let event = event(&stack, stack.url()).await;
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.7, 127.0.0.1");
}

#[tokio::test]
async fn an_ipv6_address_is_told_without_its_brackets() {
    // Containers are often without IPv6, and then the gateway is too.
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let stack = attached().await;
    let port = stack.url().rsplit(':').next().unwrap();
    let event = event(&stack, &format!("http://[::1]:{port}")).await;
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "::1");
    assert_eq!(event["requestContext"]["domainName"], format!("[::1]:{port}"));
    assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.7, ::1");
    assert_eq!(event["headers"]["x-forwarded-port"], port);
}
