//! W3C Trace Context, level 1: the trace that a publication is in goes on in its deliveries. What is malformed is
//! passed over, as the recommendation has it: a trace is no reason to refuse an event.

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{XRay, hex, is_id};
use crate::entropy::{Entropy, NoEntropy};
use crate::id::EventId;

/// What a publication says of its trace, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    trace_id: String,
    sampled: bool,
    /// The span that published. Older events do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// Where a call is in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The trace: 32 digits of hexadecimal.
    pub trace_id: String,
    /// The span above, if one is known: 16 digits.
    pub parent: Option<String>,
    /// Whether whoever began the trace wants it recorded.
    pub sampled: bool,
}

impl Place {
    /// Where a call is that came with these headers, and which Lambda gave this header of X-Ray's: the caller's
    /// trace, else Lambda's, else one of its own.
    pub fn of_call(headers: &HeaderMap, xray: Option<&XRay>, entropy: &Entropy) -> Option<Self> {
        if let Some(TraceContext { trace_id, parent, sampled, .. }) = TraceContext::of(headers) {
            return Some(Self { trace_id, parent, sampled });
        }
        if let Some(xray) = xray {
            let trace_id = xray.trace_id()?;
            return Some(Self { trace_id, parent: xray.parent().map(str::to_owned), sampled: true });
        }
        let bytes: [u8; 16] = entropy.bytes().ok()?;
        Some(Self { trace_id: hex(&bytes), parent: None, sampled: true })
    }
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

    /// 16 digits of hexadecimal.
    pub fn hex(self) -> String {
        hex(&self.0)
    }
}

impl TraceContext {
    /// What has to be carried along at the least (3.3.1.5), and is at the most.
    const STATE_CHARS_MAX: usize = 512;

    /// Of the headers of a call, if they say it once and well.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").into_iter();
        let (trace_id, parent, flags) = match (parents.next(), parents.next()) {
            (Some(parent), None) => parse(parent.to_str().ok()?)?,
            _ => return None,
        };
        let (trace_id, parent) = (trace_id.to_owned(), Some(parent.to_owned()));
        Some(Self { trace_id, sampled: flags & 1 == 1, parent, state: state(headers) })
    }

    /// Of an event whose publisher said nothing: always the same one, so that it need not be stored. Our logs carry it,
    /// so it is sampled, and receivers that ask their caller record it.
    pub fn of_event(event: EventId) -> Self {
        let digest = digest(&SHA256, format!("trace {event}").as_bytes());
        let trace_id = hex(digest.as_ref().get(..16).unwrap_or_default());
        Self { trace_id, sampled: true, parent: None, state: None }
    }

    /// Where its deliveries are.
    pub fn place(&self) -> Place {
        let Self { trace_id, parent, sampled, .. } = self.clone();
        Place { trace_id, parent, sampled }
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

/// Trace, span and flags of `traceparent`. Of versions to come, what version 00 has.
fn parse(text: &str) -> Option<(&str, &str, u8)> {
    let lower = |part: &str, chars: usize| {
        part.len() == chars && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.splitn(5, '-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let (flags, more) = (parts.next()?, parts.next());
    let known = lower(version, 2) && version != "ff" && (version != "00" || more.is_none());
    let right = known && is_id(trace, 32) && is_id(parent, 16) && lower(flags, 2);
    Some((trace, parent, u8::from_str_radix(flags, 16).ok()?)).filter(|_| right)
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
            let (trace_id, span) = (TRACE.to_owned(), Some("00f067aa0ba902b7".to_owned()));
            let expected = TraceContext { trace_id, sampled, parent: span, state: None };
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

    #[test]
    fn a_call_is_in_its_callers_trace_else_in_lambdas_else_in_one_of_its_own() {
        let xray = XRay::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0");
        let entropy = Entropy::from_fn(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        let place = |headers: &HeaderMap, xray: Option<&XRay>| {
            let Place { trace_id, parent, sampled } = Place::of_call(headers, xray, &entropy).unwrap();
            (trace_id, parent.unwrap_or_default(), sampled)
        };
        let named = headers(&[("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-00"))]);
        let told = |trace: &str, parent: &str, sampled| (trace.to_owned(), parent.to_owned(), sampled);
        assert_eq!(place(&named, xray.as_ref()), told(TRACE, "00f067aa0ba902b7", false));
        let lambdas = told("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8", true);
        assert_eq!(place(&HeaderMap::new(), xray.as_ref()), lambdas);
        assert_eq!(place(&HeaderMap::new(), None), told(&"07".repeat(16), "", true));
    }

    #[test]
    fn a_trace_that_was_stored_without_its_span_is_read() {
        let stored = serde_json::json!({ "trace_id": TRACE, "sampled": true });
        let read: TraceContext = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!((read.place().parent, serde_json::to_value(&read).unwrap()), (None, stored));
    }
}
