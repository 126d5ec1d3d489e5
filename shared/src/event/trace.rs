//! W3C Trace Context, level 1: the trace that a publication is in goes on in its deliveries. What is malformed is
//! passed over, as the recommendation has it: a trace is no reason to refuse an event.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, NoEntropy};
use crate::id::EventId;

/// What a publication says of its trace, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    trace_id: String,
    sampled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// One attempt, within the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// A new one.
    pub fn new(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let bytes: [u8; 8] = entropy.bytes()?;
        // All zeros would be none.
        Ok(Self(if bytes == [0; 8] { [1; 8] } else { bytes }))
    }
}

impl TraceContext {
    /// What has to be carried along at the least (3.3.1.5), and is at the most.
    const STATE_CHARS_MAX: usize = 512;

    /// Of the headers of a call, if they say it once and well.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").into_iter();
        let (trace_id, flags) = match (parents.next(), parents.next()) {
            (Some(parent), None) => parse(parent.to_str().ok()?)?,
            _ => return None,
        };
        Some(Self { trace_id: trace_id.to_owned(), sampled: flags & 1 == 1, state: state(headers) })
    }

    /// Of an event whose publisher said nothing: always the same one, so that it need not be stored. Our logs carry it,
    /// so it is sampled, and receivers that ask their caller record it.
    pub fn of_event(event: EventId) -> Self {
        let digest = digest(&SHA256, format!("trace {event}").as_bytes());
        Self { trace_id: hex(digest.as_ref().get(..16).unwrap_or_default()), sampled: true, state: None }
    }

    /// The trace, as logs name it.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The header `traceparent` of what `span` sends.
    pub fn parent(&self, span: SpanId) -> String {
        format!("00-{}-{}-0{}", self.trace_id, hex(&span.0), u8::from(self.sampled))
    }

    /// The header `tracestate`, as it came.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Trace and flags of `traceparent`. Of versions to come, what version 00 has.
fn parse(text: &str) -> Option<(&str, u8)> {
    let lower = |part: &str, chars: usize| {
        part.len() == chars && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let mut parts = text.splitn(5, '-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let (flags, more) = (parts.next()?, parts.next());
    let known = lower(version, 2) && version != "ff" && (version != "00" || more.is_none());
    let right =
        known && lower(trace, 32) && some(trace) && lower(parent, 16) && some(parent) && lower(flags, 2);
    Some((trace, u8::from_str_radix(flags, 16).ok()?)).filter(|_| right)
}

fn state(headers: &HeaderMap) -> Option<String> {
    let parts: Option<Vec<_>> =
        headers.get_all("tracestate").into_iter().map(|value| value.to_str().ok()).collect();
    let state = parts?.join(",");
    (1..=TraceContext::STATE_CHARS_MAX).contains(&state.trim().len()).then(|| state.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        pairs.fold(HeaderMap::new(), |mut map, (name, value): (http::HeaderName, _)| {
            map.append(name, value);
            map
        })
    }

    #[test]
    fn the_trace_and_whether_it_is_sampled_are_read() {
        for (parent, sampled) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-ff"), true),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01-what-is-to-come"), true),
        ] {
            let expected = TraceContext { trace_id: TRACE.to_owned(), sampled, state: None };
            assert_eq!(TraceContext::of(&headers(&[("traceparent", &parent)])), Some(expected), "{parent}");
        }
    }

    #[test]
    fn what_is_malformed_is_passed_over() {
        let right = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for wrong in [
            "",
            "00",
            &right.to_uppercase(),
            &right[..54],
            &format!("{right}-more"),
            &format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{TRACE}-0000000000000000-01"),
            &format!("00-{TRACE}-00f067aa0ba902b7-0g"),
        ] {
            assert_eq!(TraceContext::of(&headers(&[("traceparent", wrong)])), None, "{wrong}");
        }
        assert_eq!(TraceContext::of(&headers(&[("traceparent", &right), ("traceparent", &right)])), None);
        assert_eq!(TraceContext::of(&headers(&[("tracestate", "a=1")])), None);
    }

    #[test]
    fn the_state_is_carried_along_if_it_is_not_long() {
        let right = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let long = "a".repeat(513);
        for (states, expected) in [
            (vec!["a=1"], Some("a=1")),
            (vec!["a=1", "b=2"], Some("a=1,b=2")),
            (vec![""], None),
            (vec![long.as_str()], None),
        ] {
            let mut pairs = vec![("traceparent", right.as_str())];
            pairs.extend(states.iter().map(|state| ("tracestate", *state)));
            assert_eq!(TraceContext::of(&headers(&pairs)).unwrap().state(), expected, "{states:?}");
        }
    }

    #[test]
    fn an_event_without_a_trace_has_always_the_same_one() {
        let event: EventId = "evt_01kdvdna000w3ge1r70w3ge1r7".parse().unwrap();
        let other: EventId = "evt_01kdvdna000w3ge1r70w3ge1r8".parse().unwrap();
        let trace = TraceContext::of_event(event);
        assert_eq!(trace, TraceContext::of_event(event));
        assert_ne!(trace.trace_id(), TraceContext::of_event(other).trace_id());
        let parent = trace.parent(SpanId([0, 1, 2, 3, 4, 5, 6, 0xff]));
        assert_eq!(parent, format!("00-{}-00010203040506ff-01", trace.trace_id()));
        assert!(parse(&parent).is_some());
    }
}
