//! What the real binaries print, and what they tell a Sentry on a real socket.

use http::Method;
use serde_json::{Value, json};
use shared::observe::NAMESPACE;
use stack::{Captured, Receiver};

use crate::product::Product;

const JSON: (&str, &str) = ("AWS_LAMBDA_LOG_FORMAT", "JSON");
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Every line of a function, each of which has to be a JSON object that says when and how bad.
fn lines(captured: &Captured, function: &str) -> Vec<Value> {
    let lines = captured.lines().into_iter().filter(|(name, _)| name == function);
    let lines =
        lines.map(|(_, line)| serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("{line}")));
    let lines: Vec<_> = lines.collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{lines:?}");
    lines
}

fn said<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn a_request_is_one_line_and_so_is_an_attempt_and_both_name_the_trace() {
    let (product, captured) = Product::start_captured(&[JSON]).await;
    let token = product.register().await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = product.webhook(&token, &receiver).await;
    let body = json!({ "type": "invoice.paid", "data": {} });
    let request = product.call(Method::POST, "/api/events/").bearer(&token).json(&body);
    let answer = request.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01")).send().await;
    let event = answer.expect(202)["id"].as_str().unwrap().to_owned();
    receiver.next_call().await;
    product.stack.shutdown().await;

    let webhooks = lines(&captured, "webhooks");
    let answered = said(&webhooks, "request answered");
    let [made, published] = answered.as_slice() else { panic!("{answered:?}") };
    assert_eq!((&made["cold_start"], &published["cold_start"]), (&json!(true), &json!(false)));
    let fields = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let expected = [
        "cold_start",
        "duration_ms",
        "http_method",
        "http_route",
        "level",
        "message",
        "organization",
        "principal",
        "requestId",
        "request_id",
        "status",
        "timestamp",
        "trace_id",
        "xray_trace_id",
    ];
    let mut named = fields(published);
    named.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(
        (&published["http_route"], &published["http_method"]),
        (&json!("/api/events"), &json!("POST"))
    );
    assert_eq!((&published["status"], &published["trace_id"]), (&json!(202), &json!(TRACE)));
    assert_eq!(published["request_id"].as_str(), answer.header("x-request-id"));
    assert!(published["principal"].as_str().unwrap().starts_with("usr_"));
    let xray = published["xray_trace_id"].as_str().unwrap().to_owned();
    assert!(xray.starts_with("1-"), "{xray}");
    assert_ne!(made["xray_trace_id"], json!(xray), "each invocation has one of its own");

    let dispatcher = lines(&captured, "dispatcher");
    let [attempt] = said(&dispatcher, "delivery attempted")[..] else { panic!("{dispatcher:?}") };
    assert_eq!((&attempt["event"], &attempt["webhook"]), (&json!(event), &json!(webhook)));
    let delivery = format!("dlv_{}{}", &event[4..], &webhook[4..]);
    assert_eq!((&attempt["delivery"], &attempt["attempt"]), (&json!(delivery), &json!(1)));
    assert_eq!((&attempt["outcome"], &attempt["status"]), (&json!("delivered"), &json!(200)));
    assert!(attempt["duration_ms"].is_u64());
    assert_eq!(attempt["trace_id"], TRACE);
    assert!(attempt["xray_trace_id"].as_str().unwrap().starts_with("1-"));
}

/// A queue that takes one message. The local SQS forgets system attributes, so it cannot show this.
#[tokio::test]
async fn a_task_carries_the_trace_of_its_invocation_as_x_ray_reads_it() {
    let queue = Receiver::start().await.unwrap();
    let url = url::Url::parse(queue.url()).unwrap().join("/").unwrap();
    let variables = [JSON, ("AWS_ENDPOINT_URL_SQS", url.as_str()), ("DELIVERIES_QUEUE_URL", url.as_str())];
    let (product, captured) = Product::start_captured(&variables).await;
    let token = product.register().await;
    product.webhook(&token, &queue).await;
    let taken = r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":""}],"Failed":[]}"#;
    queue.answer_with(200, &[("content-type", "application/x-amz-json-1.0")], taken);
    let body = json!({ "type": "invoice.paid", "data": {} });
    product.post("/api/events", &token, &body).await.expect(202);
    let mut call = queue.next_call().await;
    // What the function asks when it starts, to be connected.
    while call.header("x-amz-target") == Some("AmazonSQS.GetQueueAttributes") {
        call = queue.next_call().await;
    }
    product.stack.shutdown().await;

    assert_eq!(call.header("x-amz-target"), Some("AmazonSQS.SendMessageBatch"));
    let attribute = &call.json()["Entries"][0]["MessageSystemAttributes"]["AWSTraceHeader"];
    assert_eq!(attribute["DataType"], "String");
    let lines = lines(&captured, "webhooks");
    let published = said(&lines, "event published")[0]["xray_trace_id"].as_str().unwrap();
    let header = attribute["StringValue"].as_str().unwrap();
    assert!(header.starts_with(&format!("Root={published};")), "{header}, {published}");
}

#[tokio::test]
async fn metrics_are_printed_at_every_level_and_are_never_finer_than_the_rest() {
    for level in ["ERROR", "WARN", "INFO"] {
        let (product, captured) = Product::start_captured(&[JSON, ("AWS_LAMBDA_LOG_LEVEL", level)]).await;
        product.call(Method::GET, "/health").send().await.expect(200);
        product.stack.shutdown().await;
        let lines = lines(&captured, "auth");
        let metrics: Vec<_> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
        let [line] = metrics.as_slice() else { panic!("{lines:?}") };
        assert_eq!((&line["level"], &line["ColdStarts"]), (&json!(level), &json!(1)));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], NAMESPACE);
        assert_eq!(said(&lines, "request answered").len(), usize::from(level == "INFO"));
    }
}

#[tokio::test]
async fn an_error_of_ours_is_reported_to_sentry_once_and_an_answer_to_the_caller_is_not() {
    let sentry = Receiver::start().await.unwrap();
    let url = url::Url::parse(sentry.url()).unwrap();
    let dsn = format!("http://abc123@{}:{}/42", url.host_str().unwrap(), url.port().unwrap());
    let (product, captured) = Product::start_captured(&[JSON, ("SENTRY_DSN", &dsn)]).await;
    product.register().await;
    product.call(Method::GET, "/auth/me").bearer("nonsense").send().await.expect(401);
    assert_eq!(sentry.calls().len(), 0, "what callers do wrong is no error of ours");
    // Nobody can sign in: what their address leads to cannot be read.
    crate::secrets::damage_address(&product, "ada@example.com").await;
    let body = json!({ "email": "ada@example.com", "password": it::PASSWORD });
    let answer = product.call(Method::POST, "/auth/login").json(&body).send().await;
    assert_eq!(answer.problem(500), "internal");
    let call = sentry.next_call().await;
    product.stack.shutdown().await;

    assert_eq!(sentry.calls().len(), 1);
    assert_eq!(
        (call.path.as_str(), call.header("content-type")),
        ("/api/42/envelope/", Some("application/x-sentry-envelope"))
    );
    let auth = call.header("x-sentry-auth").unwrap();
    assert!(auth.starts_with("Sentry sentry_version=7,") && auth.ends_with("sentry_key=abc123"), "{auth}");
    let text = String::from_utf8(call.body.to_vec()).unwrap();
    let parts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [head, item, event] = parts.as_slice() else { panic!("{text}") };
    assert_eq!((&head["event_id"], &item["type"]), (&event["event_id"], &json!("event")));
    assert_eq!(item["length"], text.lines().nth(2).unwrap().len());
    assert_eq!(event["transaction"], "POST /auth/login");
    assert_eq!(event["tags"]["code"], "internal");
    assert_eq!(event["environment"], "dev");
    assert_eq!(event["extra"]["request_id"].as_str(), answer.header("x-request-id"));
    assert!(!text.contains("ada@example.com") && !text.contains(it::PASSWORD), "{text}");
    assert_eq!(said(&lines(&captured, "auth"), "request failed").len(), 1);
}

#[tokio::test]
async fn a_function_with_an_odd_address_to_tell_does_not_start() {
    for (name, value, message) in [
        ("SENTRY_DSN", "https://host/1", "SENTRY_DSN: names no public key before its host"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4318",
            "OTEL_EXPORTER_OTLP_ENDPOINT: is no http or https address",
        ),
    ] {
        let (product, captured) = Product::start_captured(&[JSON, (name, value)]).await;
        let status = product.call(Method::GET, "/health").send().await.status.as_u16();
        product.stack.shutdown().await;
        assert!(status >= 500, "{status}");
        assert!(captured.lines().iter().any(|(_, line)| line.contains(message)), "{:?}", captured.lines());
    }
}
