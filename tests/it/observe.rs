//! What the functions tell of themselves: lines of metrics for CloudWatch, and spans for a collector on a real socket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use http::Method;
use it::{Account, App, Observed, Receiver};
use serde_json::{Value, json};
use shared::observe::{DIMENSIONS, Metric, NAMESPACE};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00f067aa0ba902b7";

/// Something of everything: accepted, delivered, failed, given up, refused for a limit, mailed, swept.
async fn a_day(app: &App, ada: &Account, receiver: &Receiver) {
    for n in 0..3 {
        app.publish(ada, "a.b", &json!({ "n": n })).await;
    }
    app.drain().await;
    receiver.otherwise(503);
    app.publish(ada, "a.b", &json!({})).await;
    app.drain().await;
    app.sweep().await;
    let body = json!({ "email": "ada@example.com", "password": "not the password" });
    for _ in 0..12 {
        app.call(Method::POST, "/auth/login").json(&body).from("203.0.113.7").send().await;
    }
    app.call(Method::POST, "/auth/password/forgot").json(&json!({ "email": "ada@example.com" })).send().await;
    app.deliver_mails().await;
}

/// The rules of CloudWatch's specification of the embedded metric format, and ours.
fn check(line: &Value) -> (String, Vec<String>) {
    let bytes = line.to_string().len();
    assert!(bytes < 256 * 1024, "{bytes}");
    let ms = line["_aws"]["Timestamp"].as_i64().unwrap();
    assert!(ms >= App::START.millis() && ms < App::START.millis() + 14 * 24 * 3_600_000, "{ms}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let [directive] = directives.as_slice() else { panic!("{directives:?}") };
    assert_eq!(directive["Namespace"], NAMESPACE);
    assert_eq!(directive["Dimensions"], json!([DIMENSIONS]));
    for name in DIMENSIONS {
        let value = line[name].as_str().unwrap();
        assert!((1..=1024).contains(&value.len()) && !value.starts_with(':') && value.is_ascii(), "{value}");
    }
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()));
    let mut names = Vec::new();
    for metric in metrics {
        let name = metric["Name"].as_str().unwrap();
        let known = Metric::ALL.iter().find(|known| known.name() == name).unwrap();
        assert_eq!(metric["Unit"], known.unit().as_str(), "{name}");
        match &line[name] {
            Value::Number(_) => {}
            Value::Array(values) => {
                assert!(
                    (1..=100).contains(&values.len()) && values.iter().all(Value::is_number),
                    "{values:?}"
                );
            }
            other => panic!("{name}: {other}"),
        }
        names.push(name.to_owned());
    }
    // Nothing else: what is there beside the metrics would be a property, with whatever somebody put into it.
    let expected: BTreeSet<_> =
        names.iter().map(String::as_str).chain(["_aws", "timestamp", "level"]).chain(DIMENSIONS).collect();
    assert_eq!(line.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "each once");
    (line["FunctionName"].as_str().unwrap().to_owned(), names)
}

#[tokio::test]
async fn every_line_of_metrics_is_one_that_cloudwatch_reads() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    a_day(&app, &ada, &receiver).await;
    let mut counted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in app.observed.lines() {
        let (function, names) = check(&line);
        counted.entry(function).or_default().extend(names);
    }
    for (function, names) in &counted {
        let binary = function.trim_start_matches("stack-").trim_end_matches("-1");
        for metric in Metric::ALL.iter().filter(|metric| names.contains(metric.name())) {
            assert!(metric.counted_by().contains(&binary), "{binary} counts {}", metric.name());
        }
    }
    let of = |function: &str| counted[&format!("stack-{function}-1")].iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        of("dispatcher"),
        ["ColdStarts", "DeliveriesDelivered", "DeliveriesFailed", "DeliveryLatency"]
    );
    assert_eq!(of("webhooks"), ["ColdStarts", "EventsAccepted"]);
    assert_eq!(of("auth"), ["ColdStarts", "LimiterHits"]);
    assert_eq!(of("sweeper"), ["ColdStarts", "SweeperLag"]);
    assert_eq!(of("mailer"), ["ColdStarts", "MailsSent"]);
    let sum = |function, metric| app.observed.sum(function, metric);
    assert_eq!((sum("webhooks", "EventsAccepted"), sum("webhooks", "ColdStarts")), (4, 1));
    assert_eq!((sum("dispatcher", "DeliveriesDelivered"), sum("dispatcher", "DeliveriesFailed")), (3, 1));
}

#[tokio::test]
async fn latency_is_from_acceptance_to_the_answer_that_took_it() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    receiver.answer(503);
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    app.advance(7);
    app.drain().await;
    assert_eq!(app.observed.values("dispatcher", "DeliveryLatency"), [7000]);
}

#[tokio::test]
async fn a_repetition_is_no_other_event() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for _ in 0..3 {
        let request = app.post("/api/events", &ada.token, &json!({ "type": "a.b", "data": {} }));
        request.header("idempotency-key", "one").send().await.expect(202);
    }
    assert_eq!(app.observed.sum("webhooks", "EventsAccepted"), 1);
}

#[test]
fn the_document_has_every_metric_as_it_is() {
    let document = std::fs::read_to_string(it::repository().join("docs/observing.md")).unwrap();
    let rows: Vec<_> = Metric::ALL
        .iter()
        .map(|metric| {
            let functions = metric.counted_by().join(", ");
            format!("| `{}` | {} | {functions} | {} |", metric.name(), metric.unit().as_str(), metric.about())
        })
        .collect();
    let units = ["| Count |", "| Milliseconds |", "| Seconds |"];
    let written: Vec<_> =
        document.lines().filter(|line| units.iter().any(|unit| line.contains(unit))).collect();
    assert_eq!(written, rows);
}

/// What AWS writes, of what the dashboards show.
const AWS: [(&str, &[&str]); 3] = [
    ("AWS/ApiGateway", &["Count", "4xx", "5xx", "Latency", "IntegrationLatency"]),
    ("AWS/Lambda", &["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"]),
    (
        "AWS/SQS",
        &[
            "ApproximateNumberOfMessagesVisible",
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
        ],
    ),
];

#[test]
fn every_metric_of_the_grafana_dashboard_exists() {
    let text = std::fs::read_to_string(it::repository().join("docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let variables: BTreeSet<_> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| format!("${}", variable["name"].as_str().unwrap()))
        .collect();
    let mut ours = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            let (namespace, name) =
                (target["namespace"].as_str().unwrap(), target["metricName"].as_str().unwrap());
            if namespace == NAMESPACE {
                assert!(Metric::ALL.iter().any(|metric| metric.name() == name), "{name}");
                let dimensions = target["dimensions"].as_object().unwrap();
                assert_eq!(dimensions.keys().map(String::as_str).collect::<BTreeSet<_>>(), DIMENSIONS.into());
                ours.insert(name.to_owned());
            } else {
                let (_, known) = AWS.iter().find(|(known, _)| *known == namespace).unwrap();
                assert!(known.contains(&name), "{namespace} {name}");
            }
            for value in target["dimensions"].as_object().unwrap().values().filter_map(Value::as_str) {
                assert!(!value.starts_with('$') || variables.contains(value), "{value} is no variable");
            }
        }
    }
    let all: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(ours, all, "each of ours is shown");
}

/// Every span that a collector got, with its attributes as pairs.
fn spans(collector: &Receiver) -> Vec<(String, Value)> {
    let mut spans = Vec::new();
    for call in collector.calls() {
        assert_eq!(
            (call.path.as_str(), call.header("content-type")),
            ("/v1/traces", Some("application/json"))
        );
        for resource in call.json()["resourceSpans"].as_array().unwrap() {
            let name = &resource["resource"]["attributes"][0];
            assert_eq!(name["key"], "service.name");
            let service = name["value"]["stringValue"].as_str().unwrap().to_owned();
            for scope in resource["scopeSpans"].as_array().unwrap() {
                for span in scope["spans"].as_array().unwrap() {
                    spans.push((service.clone(), span.clone()));
                }
            }
        }
    }
    spans
}

fn attribute(span: &Value, name: &str) -> Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    found.map_or(Value::Null, |attribute| {
        attribute["value"].as_object().unwrap().values().next().unwrap().clone()
    })
}

async fn collector() -> (Receiver, Observed) {
    let collector = Receiver::start().await.unwrap();
    let base = url::Url::parse(collector.url()).unwrap().join("/").unwrap();
    (collector, Observed::by(base.as_str()))
}

#[tokio::test]
async fn a_request_and_its_delivery_are_spans_of_the_callers_trace() {
    let (collector, observed) = collector().await;
    let app = App::watched(observed).await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let webhook = app.webhook(&ada, &receiver).await;
    let body = json!({ "type": "a.b", "data": { "secret": "of the caller's" } });
    let request = app.post("/api/events", &ada.token, &body);
    let request = request.header("traceparent", &format!("00-{TRACE}-{PUBLISHER}-01"));
    let event = request.send().await.expect(202)["id"].as_str().unwrap().to_owned();
    app.hands.advance(Duration::from_millis(5));
    app.drain().await;

    let told = spans(&collector);
    let in_trace: Vec<_> = told.iter().filter(|(_, span)| span["traceId"] == TRACE).collect();
    let [(webhooks, publish), (dispatcher, deliver)] = in_trace.as_slice() else { panic!("{told:?}") };
    assert_eq!((webhooks.as_str(), dispatcher.as_str()), ("ai-foundry-webhooks", "ai-foundry-dispatcher"));
    assert_eq!((&publish["name"], &publish["kind"]), (&json!("POST /api/events"), &json!(2)));
    assert_eq!((&deliver["name"], &deliver["kind"]), (&json!("deliver"), &json!(3)));
    for span in [publish, deliver] {
        assert_eq!((&span["parentSpanId"], &span["status"]), (&json!(PUBLISHER), &json!({})));
        assert_eq!(attribute(span, "organization.id"), ada.org);
    }
    assert_eq!(attribute(publish, "http.response.status_code"), "202");
    assert_eq!(attribute(publish, "principal.id"), ada.user);
    assert_eq!(
        (attribute(deliver, "event.id"), attribute(deliver, "webhook.id")),
        (json!(event), json!(webhook.id))
    );
    // What the receiver does is below our span.
    let sent = receiver.calls()[0].header("traceparent").unwrap().to_owned();
    assert_eq!(sent, format!("00-{TRACE}-{}-01", deliver["spanId"].as_str().unwrap()));
    let begun: u64 = deliver["startTimeUnixNano"].as_str().unwrap().parse().unwrap();
    let ended: u64 = deliver["endTimeUnixNano"].as_str().unwrap().parse().unwrap();
    assert!(begun >= 1_767_225_600_005_000_000 && begun <= ended);
    // Every other span is in a trace of its own, and none tells what was sent.
    let everything = format!("{told:?}");
    for secret in ["of the caller's", "ada@example.com", it::PASSWORD, &ada.token, receiver.url()] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn who_does_not_want_to_be_recorded_is_not() {
    let (collector, observed) = collector().await;
    let app = App::watched(observed).await;
    let request = app.call(Method::GET, "/health");
    request.header("traceparent", &format!("00-{TRACE}-{PUBLISHER}-00")).send().await.expect(200);
    assert_eq!(spans(&collector).len(), 0);
    app.call(Method::GET, "/health").send().await.expect(200);
    assert_eq!(spans(&collector).len(), 1);
}

#[tokio::test]
async fn a_collector_that_never_answers_is_waited_for_once_and_briefly() {
    let (collector, observed) = collector().await;
    let app = App::watched(observed).await;
    for _ in 0..3 {
        collector.never_answer();
    }
    let begun = Instant::now();
    for _ in 0..20 {
        app.call(Method::GET, "/health").send().await.expect(200);
    }
    assert_eq!(collector.calls().len(), 1, "after one that failed none is sent for a while");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // The first was not taken, and the nineteen after it were not even tried.
    assert_eq!(app.observed.sum("auth", "ExportsFailed"), 20);
}

#[tokio::test]
async fn a_collector_that_is_not_there_or_refuses_changes_no_answer() {
    let (refusing, observed) = collector().await;
    refusing.otherwise(503);
    let gone = Observed::by("http://127.0.0.1:9");
    for observed in [observed, gone] {
        let app = App::watched(observed).await;
        let ada = app.register("ada@example.com").await;
        let receiver = app.receiver().await;
        app.webhook(&ada, &receiver).await;
        app.publish(&ada, "a.b", &json!({})).await;
        app.drain().await;
        assert_eq!(receiver.calls().len(), 1);
        assert!(app.observed.sum("dispatcher", "ExportsFailed") > 0);
    }
}
