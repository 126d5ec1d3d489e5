//! Events of an HTTP API, as API Gateway makes them, and what functions answer.

use serde_json::{Value, json};

/// A call without anything to it.
pub(super) fn request(method: &str, path: &str) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "host": "api.example.com",
            "user-agent": "curl/8.5.0",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64,
        },
        "isBase64Encoded": false,
    })
}

/// An event of `tests/fixtures`.
pub(super) fn fixture(name: &str) -> Value {
    let path = it::repository().join(format!("tests/fixtures/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same call by somebody.
pub(super) fn by(credential: &str, mut request: Value) -> Value {
    request["headers"]["authorization"] = format!("Bearer {credential}").into();
    request
}

/// The same call with a body.
pub(super) fn with(body: &Value, mut request: Value) -> Value {
    request["headers"]["content-type"] = "application/json".into();
    request["body"] = body.to_string().into();
    request
}

/// The same call from one of many addresses: no address is to be over its limit.
pub(super) fn from(number: u64, mut request: Value) -> Value {
    let address = format!("198.{}.{}.{}", number / 62_500 % 250, number / 250 % 250, number % 250);
    request["requestContext"]["http"]["sourceIp"] = address.into();
    request
}

/// What was answered, with the status that was expected.
pub(super) fn expect(status: u64, answer: &Value) -> Value {
    assert_eq!(answer["statusCode"], status, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap_or("null")).unwrap_or_default()
}
