//! What goes to Sentry: our own errors and panics, as envelopes. A report has what the log line has, less what is
//! not on the list below, and texts go through [`redacted`].

use serde_json::{Map, Value, json};
use url::Url;

use super::{Subject, redacted};
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// Where reports go: `https://KEY@HOST/PROJECT`, as Sentry shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    pub(super) url: Url,
    key: String,
}

impl Dsn {
    /// From the text, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let dsn = Url::parse(text).map_err(|_| "is no URL")?;
        if !matches!(dsn.scheme(), "https" | "http") || dsn.query().is_some() || dsn.fragment().is_some() {
            return Err("has to be `https://KEY@HOST/PROJECT`");
        }
        let key = dsn.username().to_owned();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("names no public key before its host");
        }
        let (path, project) = dsn.path().rsplit_once('/').unwrap_or_default();
        if project.is_empty() || !project.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("ends in no project, which is a number");
        }
        let mut url = dsn.clone();
        // What stood in the place of a password is out of use, and no business of the server's log.
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| "has no host")?;
        url.set_path(&format!("{path}/api/{project}/envelope/"));
        Ok(Self { url, key })
    }

    /// The headers of every envelope.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let client = concat!("ai-foundry/", env!("CARGO_PKG_VERSION"));
        let auth = format!("Sentry sentry_version=7, sentry_client={client}, sentry_key={}", self.key);
        vec![
            ("content-type", "application/x-sentry-envelope".to_owned()),
            ("user-agent", client.to_owned()),
            ("x-sentry-auth", auth),
        ]
    }
}

/// Fields of a log line by which reports are searched: few different values each.
const TAGS: [&str; 8] =
    ["code", "http_method", "http_route", "outcome", "mail", "location", "cold_start", "status"];
/// Fields that say what it was this time. What is in neither list is not sent.
const EXTRA: [&str; 19] = [
    "attempt",
    "cause",
    "delivery",
    "duration_ms",
    "error",
    "event",
    "hour",
    "message_id",
    "minute",
    "organization",
    "principal",
    "reason",
    "request_id",
    "shard",
    "to",
    "trace_id",
    "webhook",
    "why",
    "xray_trace_id",
];

/// One envelope with one event, of a log line of level `ERROR`.
pub(super) fn envelope(
    line: &Map<String, Value>,
    subject: &Subject,
    now: Timestamp,
    entropy: &Entropy,
) -> Option<Vec<u8>> {
    let id = format!("{:032x}", u128::from_le_bytes(entropy.bytes().ok()?));
    let text = |name: &str| match line.get(name)? {
        Value::String(text) => Some(redacted(text)),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    let picked = |names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?.into()))).collect()
    };
    let (message, panicked) = (text("message").unwrap_or_default(), line.contains_key("location"));
    let mut event = json!({
        "event_id": id,
        "timestamp": now.to_string(),
        "platform": "native",
        "level": if panicked { "fatal" } else { "error" },
        "logger": subject.function,
        "server_name": subject.function_name,
        "environment": subject.stage,
        "release": concat!("ai-foundry@", env!("CARGO_PKG_VERSION")),
        "logentry": { "formatted": message },
        "fingerprint": [subject.function, message, text("code").unwrap_or_default(), text("location").unwrap_or_default()],
        "tags": picked(&TAGS),
        "extra": picked(&EXTRA),
    });
    if let Some(route) = text("http_route") {
        event["transaction"] = format!("{} {route}", text("http_method").unwrap_or_default()).into();
    }
    if let Some(trace) = text("trace_id") {
        event["contexts"] = json!({ "trace": { "trace_id": trace, "span_id": id.get(..16) } });
    }
    if panicked {
        let mechanism = json!({ "type": "panic", "handled": false });
        event["exception"] = json!({ "values": [{
            "type": "panic",
            "value": text("reason").unwrap_or_default(),
            "mechanism": mechanism,
        }] });
    }
    let event = event.to_string();
    let head = json!({ "event_id": id, "sent_at": now.to_string() });
    let item = json!({ "type": "event", "length": event.len(), "content_type": "application/json" });
    Some(format!("{head}\n{item}\n{event}\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_becomes_the_address_of_envelopes_and_its_key() {
        for (dsn, url) in [
            ("https://abc123@o1.ingest.sentry.io/42", "https://o1.ingest.sentry.io/api/42/envelope/"),
            ("http://abc123:old@127.0.0.1:9000/sentry/7", "http://127.0.0.1:9000/sentry/api/7/envelope/"),
        ] {
            let dsn = Dsn::parse(dsn).unwrap();
            assert_eq!((dsn.url.as_str(), dsn.key.as_str()), (url, "abc123"));
        }
    }

    #[test]
    fn what_is_no_dsn_is_refused() {
        for (odd, why) in [
            ("o1.ingest.sentry.io/42", "is no URL"),
            ("ftp://abc@host/1", "has to be `https://KEY@HOST/PROJECT`"),
            ("https://abc@host/1?x=y", "has to be `https://KEY@HOST/PROJECT`"),
            ("https://host/1", "names no public key before its host"),
            ("https://a%0Db@host/1", "names no public key before its host"),
            ("https://abc@host/", "ends in no project, which is a number"),
            ("https://abc@host/project", "ends in no project, which is a number"),
        ] {
            assert_eq!(Dsn::parse(odd), Err(why), "{odd}");
        }
    }

    #[test]
    fn a_report_has_what_is_listed_and_no_more() {
        let Value::Object(line) = json!({
            "timestamp": "2026-01-01T00:00:00.000Z",
            "level": "ERROR",
            "message": "request failed",
            "request_id": "r1",
            "trace_id": "4b".repeat(16),
            "http_method": "GET",
            "http_route": "/auth/me",
            "status": 500,
            "code": "internal",
            "cause": "no item of ada@example.com",
            "body": "what was sent",
        }) else {
            panic!("an object")
        };
        let entropy = Entropy::from_fn(|bytes| {
            bytes.fill(1);
            Ok(())
        });
        let subject =
            Subject { function: "auth", function_name: "stack-Auth-1".to_owned(), stage: "prod".to_owned() };
        let envelope = envelope(&line, &subject, Timestamp::from_seconds(1_767_225_600), &entropy).unwrap();
        let text = String::from_utf8(envelope).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [head, item, event] = lines.as_slice() else { panic!("{text}") };
        let id = "01".repeat(16);
        assert_eq!(*head, json!({ "event_id": id, "sent_at": "2026-01-01T00:00:00.000Z" }));
        assert_eq!(item["length"], text.lines().nth(2).unwrap().len());
        let expected = json!({
            "event_id": id,
            "timestamp": "2026-01-01T00:00:00.000Z",
            "platform": "native",
            "level": "error",
            "logger": "auth",
            "server_name": "stack-Auth-1",
            "environment": "prod",
            "release": concat!("ai-foundry@", env!("CARGO_PKG_VERSION")),
            "logentry": { "formatted": "request failed" },
            "fingerprint": ["auth", "request failed", "internal", ""],
            "tags": { "code": "internal", "http_method": "GET", "http_route": "/auth/me", "status": "500" },
            "extra": { "cause": "no item of [address]", "request_id": "r1", "trace_id": "4b".repeat(16) },
            "transaction": "GET /auth/me",
            "contexts": { "trace": { "trace_id": "4b".repeat(16), "span_id": "0101010101010101" } },
        });
        assert_eq!(*event, expected);
    }
}
