//! What took how long in a trace, and how it is written for a collector: OTLP 1.x, traces, as JSON. Identifiers are
//! hexadecimal, 64-bit numbers are text, enumerations are numbers (OTLP, "JSON Protobuf Encoding").

use serde_json::{Value, json};

use super::Subject;
use crate::clock::Timestamp;
use crate::trace::{Place, SpanId};

/// Which end of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// We were called.
    Server,
    /// We call.
    Client,
}

/// One span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name: few different ones.
    pub name: String,
    /// Which end it is.
    pub kind: SpanKind,
    /// Which trace it is in.
    pub place: Place,
    /// Which one it is.
    pub id: SpanId,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether what it stands for failed.
    pub failed: bool,
    /// What else there is to say: identifiers and numbers, never what a caller wrote.
    pub attributes: Vec<(&'static str, Value)>,
}

impl Span {
    fn json(&self) -> Value {
        let mut span = json!({
            "traceId": self.place.trace_id,
            "spanId": self.id.hex(),
            "name": self.name,
            "kind": match self.kind {
                SpanKind::Server => 2,
                SpanKind::Client => 3,
            },
            "startTimeUnixNano": nanos(self.begun),
            "endTimeUnixNano": nanos(self.ended),
            "attributes": attributes(self.attributes.iter().map(|(name, value)| (*name, value.clone()))),
            // 2 is ERROR. What went well is left unset, as it is to be by those who only report.
            "status": if self.failed { json!({ "code": 2 }) } else { json!({}) },
        });
        if let Some(parent) = &self.place.parent {
            span["parentSpanId"] = parent.clone().into();
        }
        span
    }
}

/// The body of an `ExportTraceServiceRequest`.
pub(super) fn request(spans: &[Span], subject: &Subject) -> Value {
    let resource = [
        ("service.name", format!("ai-foundry-{}", subject.function)),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("deployment.environment.name", subject.stage.clone()),
        ("faas.name", subject.function_name.clone()),
        ("cloud.provider", "aws".to_owned()),
    ];
    let resource = attributes(resource.into_iter().map(|(name, value)| (name, value.into())));
    let spans: Vec<_> = spans.iter().map(Span::json).collect();
    let scope = json!({ "name": "ai-foundry", "version": env!("CARGO_PKG_VERSION") });
    json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }],
    })
}

fn attributes<'a>(pairs: impl Iterator<Item = (&'a str, Value)>) -> Vec<Value> {
    let value = |value: Value| match value {
        Value::Bool(it) => Some(json!({ "boolValue": it })),
        Value::Number(it) => Some(json!({ "intValue": it.to_string() })),
        Value::String(it) => Some(json!({ "stringValue": it })),
        // Nothing to say; lists and objects are not used.
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    pairs.filter_map(|(key, it)| value(it).map(|value| json!({ "key": key, "value": value }))).collect()
}

fn nanos(at: Timestamp) -> String {
    format!("{}000000", at.millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    #[test]
    fn a_span_is_written_as_the_protocol_has_it() {
        let entropy = Entropy::from_fn(|bytes| {
            bytes.fill(0xab);
            Ok(())
        });
        let place =
            Place { trace_id: "4b".repeat(16), parent: Some("00f067aa0ba902b7".to_owned()), sampled: true };
        let span = Span {
            name: "GET /health".to_owned(),
            kind: SpanKind::Server,
            place,
            id: SpanId::new(&entropy).unwrap(),
            begun: Timestamp::from_millis(1_767_225_600_001),
            ended: Timestamp::from_millis(1_767_225_600_003),
            failed: true,
            attributes: vec![
                ("http.response.status_code", 503.into()),
                ("faas.coldstart", true.into()),
                ("code", Value::Null),
            ],
        };
        assert_eq!(
            span.json(),
            json!({
                "traceId": "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b",
                "spanId": "abababababababab",
                "parentSpanId": "00f067aa0ba902b7",
                "name": "GET /health",
                "kind": 2,
                "startTimeUnixNano": "1767225600001000000",
                "endTimeUnixNano": "1767225600003000000",
                "attributes": [
                    { "key": "http.response.status_code", "value": { "intValue": "503" } },
                    { "key": "faas.coldstart", "value": { "boolValue": true } },
                ],
                "status": { "code": 2 },
            })
        );
    }
}
