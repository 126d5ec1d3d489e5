//! W3C Trace Context: from the call that publishes to the attempts at delivery.

use it::{App, Call};
use serde_json::json;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00f067aa0ba902b7";

/// Trace, span and flags of a delivery.
fn parent(call: &Call) -> (String, String, String) {
    let parts: Vec<_> = call.header("traceparent").unwrap().split('-').map(str::to_owned).collect();
    let [version, trace, span, flags] = parts.try_into().unwrap();
    assert_eq!((version.as_str(), trace.len(), span.len()), ("00", 32, 16));
    (trace, span, flags)
}

#[tokio::test]
async fn every_attempt_is_a_span_of_its_own_in_the_trace_of_the_publisher() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    for flags in ["00", "01"] {
        receiver.answer(503);
        let body = json!({ "type": "a.b", "data": {} });
        let request = app.post("/api/events", &ada.token, &body);
        let request = request.header("traceparent", &format!("00-{TRACE}-{PUBLISHER}-{flags}"));
        request.header("tracestate", "vendor=1,other=2").send().await.expect(202);
    }
    app.drain().await;
    app.advance(7);
    app.drain().await;
    let calls = receiver.calls();
    let (mut spans, mut flags) = (Vec::new(), Vec::new());
    for call in &calls {
        let (trace, span, sampled) = parent(call);
        assert_eq!((trace.as_str(), call.header("tracestate")), (TRACE, Some("vendor=1,other=2")));
        spans.push(span);
        flags.push(sampled);
    }
    flags.sort_unstable();
    spans.push(PUBLISHER.to_owned());
    spans.sort_unstable();
    spans.dedup();
    assert_eq!((calls.len(), spans.len()), (4, 5));
    assert_eq!(flags, ["00", "00", "01", "01"]);
}

#[tokio::test]
async fn the_events_of_a_batch_are_in_the_trace_of_the_batch() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let events = json!({ "events": [{ "type": "a.b", "data": {} }, { "type": "a.c", "data": {} }] });
    let request = app.post("/api/events/batch", &ada.token, &events);
    let request = request.header("traceparent", &format!("00-{TRACE}-{PUBLISHER}-01"));
    request.send().await.expect(200);
    app.drain().await;
    let traces: Vec<_> = receiver.calls().iter().map(|call| parent(call).0).collect();
    assert_eq!(traces, [TRACE, TRACE]);
}

#[tokio::test]
async fn an_event_that_was_published_in_no_trace_has_one_for_all_its_attempts() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    receiver.answer(503);
    let body = json!({ "type": "a.b", "data": {} });
    let request = app.post("/api/events", &ada.token, &body).header("traceparent", "00-no-trace-01");
    request.header("tracestate", "vendor=1").send().await.expect(202);
    app.drain().await;
    app.advance(7);
    app.drain().await;
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let calls = receiver.calls();
    let [first, again, other]: [Call; 3] = calls.try_into().unwrap();
    assert_eq!(parent(&first).0, parent(&again).0);
    assert_ne!(parent(&first).1, parent(&again).1);
    assert_ne!(parent(&first).0, parent(&other).0);
    assert_eq!((first.header("tracestate"), parent(&first).2.as_str()), (None, "01"));
}
