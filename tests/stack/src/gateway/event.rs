//! The event that a function gets for a request: payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::route::Matched;
use crate::moment;
use crate::template::ACCOUNT_ID;

/// The only content types whose bodies are not base64: found by trying them on AWS,
/// the documentation does not list them. Forms and a missing type are not among them.
const TEXT_TYPES: [&str; 3] = ["application/json", "application/javascript", "application/xml"];

/// Between this machine's gateway and its functions, not between machines.
const HOP_BY_HOP: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "upgrade"];

/// A request as the gateway has it.
pub(super) struct Incoming<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) client: SocketAddr,
    pub(super) request_id: &'a str,
    pub(super) time: OffsetDateTime,
}

impl Incoming<'_> {
    pub(super) fn json(&self, matched: &Matched<'_>) -> Value {
        let uri = &self.parts.uri;
        let query = uri.query().unwrap_or_default();
        // AWS hands out the path decoded.
        let path = percent_decoded(uri.path());
        let header = |name| {
            let value = self.parts.headers.get(name);
            value.and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let host = header("host");
        let mut event = json!({
            "version": "2.0",
            "routeKey": matched.key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers(),
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": "local",
                "domainName": host,
                "domainPrefix": host.trim_start_matches('[').split(['.', ':', ']']).next(),
                "http": {
                    "method": self.parts.method.as_str(),
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip(),
                    "userAgent": header("user-agent"),
                },
                "requestId": self.request_id,
                "routeKey": matched.key,
                "stage": "$default",
                "time": moment::log_time(self.time),
                "timeEpoch": moment::unix_ms(self.time),
            },
            "isBase64Encoded": false,
        });
        let cookies = cookies(&self.parts.headers);
        if !cookies.is_empty() {
            event["cookies"] = cookies.into();
        }
        if !query.is_empty() {
            event["queryStringParameters"] = query_parameters(query);
        }
        if !matched.parameters.is_empty() {
            event["pathParameters"] = json!(matched.parameters);
        }
        if !self.body.is_empty() {
            let text = std::str::from_utf8(self.body).ok();
            if let Some(text) = text.filter(|_| is_text(header("content-type"))) {
                event["body"] = text.into();
            } else {
                event["body"] = STANDARD.encode(self.body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
        event
    }

    /// Who opened the connection. What headers say of others on the way is not looked at.
    fn source_ip(&self) -> String {
        self.client.ip().to_canonical().to_string()
    }

    /// Lower case, repeated ones joined by commas, cookies elsewhere.
    fn headers(&self) -> Value {
        let mut headers = BTreeMap::<&str, String>::new();
        for (name, value) in &self.parts.headers {
            let name = name.as_str();
            if name == "cookie" || HOP_BY_HOP.contains(&name) {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name)
                .and_modify(|joined| {
                    joined.push(',');
                    joined.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        let client = self.source_ip();
        headers
            .entry("x-forwarded-for")
            .and_modify(|hops| {
                hops.push_str(", ");
                hops.push_str(&client);
            })
            .or_insert(client);
        let host = headers.get("host").cloned().unwrap_or_default();
        // Not the end of an IPv6 address, which has its brackets after it.
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        headers.insert("x-forwarded-port", port.unwrap_or("80").to_owned());
        headers.insert("x-forwarded-proto", "http".to_owned());
        let trace = moment::trace_id(self.time);
        let root = trace.split(';').next().unwrap_or_default().to_owned();
        headers.entry("x-amzn-trace-id").or_insert(root);
        json!(headers)
    }
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';'));
    let cookies = cookies.map(str::trim).filter(|cookie| !cookie.is_empty());
    cookies.map(str::to_owned).collect()
}

/// Decoded, repeated ones joined by commas.
fn query_parameters(query: &str) -> Value {
    let mut parameters = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match parameters.get_mut(name.as_ref()) {
            Some(Value::String(joined)) => {
                joined.push(',');
                joined.push_str(&value);
            }
            _ => drop(parameters.insert(name.into_owned(), value.into_owned().into())),
        }
    }
    Value::Object(parameters)
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.starts_with("text/") || TEXT_TYPES.contains(&essence.as_str())
}

/// `%20` becomes a space; what is not such a sequence stays.
pub(super) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
