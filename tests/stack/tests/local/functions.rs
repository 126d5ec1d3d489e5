//! Functions behind the gateway and behind queues. The tests are the functions.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stack::{Binaries, Options, Stack};

use crate::attached::{Function, client, json_of};
use crate::fixture;

/// One batch at a time: the next one comes after what succeeded was deleted.
async fn attached() -> Stack {
    let options = Options {
        binaries: Binaries::Attached,
        parameters: vec![("Concurrency".to_owned(), "1".to_owned())],
        ..Options::new(fixture())
    };
    Stack::start(options).await.unwrap()
}

async fn send(stack: &Stack, body: &str, delay_seconds: u32) {
    let services = stack.services();
    let input = json!({
        "QueueUrl": services.queue_url("Deliveries"),
        "MessageBody": body,
        "DelaySeconds": delay_seconds,
        "MessageAttributes": { "trace": { "DataType": "String", "StringValue": "t-1" } },
    });
    let answer = sqs(stack, "SendMessage", input).await;
    assert!(answer["MessageId"].is_string(), "{answer}");
}

async fn sqs(stack: &Stack, operation: &str, input: Value) -> Value {
    let endpoint = stack.services().endpoint(stack::Service::Sqs);
    let request = client().post(endpoint).body(input.to_string());
    let request = request.header("x-amz-target", format!("AmazonSQS.{operation}"));
    json_of(request.send().await.unwrap()).await
}

/// Messages that wait, and messages in flight.
async fn counts(stack: &Stack) -> (Value, Value) {
    let input = json!({
        "QueueUrl": stack.services().queue_url("Deliveries"),
        "AttributeNames": ["All"],
    });
    let mut answer = sqs(stack, "GetQueueAttributes", input).await;
    let mut attribute = |name: &str| answer["Attributes"][name].take();
    (attribute("ApproximateNumberOfMessages"), attribute("ApproximateNumberOfMessagesNotVisible"))
}

#[tokio::test]
async fn a_request_reaches_the_function_and_its_answer_comes_back() {
    let stack = attached().await;
    let function = Function::attach(&stack, "api_keys").await;
    let request = client()
        .post(format!("{}/keys?a=1&b=x%20y&a=2", stack.url()))
        .header("content-type", "application/json")
        .header("cookie", "first=1; second=2")
        .header("x-Twice", "one")
        .header("x-twice", "two")
        .body(r#"{"name":"k"}"#);
    let (response, ()) = tokio::join!(request.send(), async {
        let mut invocation = function.next().await;
        assert_eq!(invocation.arn, "arn:aws:lambda:us-east-1:000000000000:function:local-Keys");
        assert!(invocation.trace_id.starts_with("Root=1-"), "{}", invocation.trace_id);
        let now_ms = invocation.event["requestContext"]["timeEpoch"].as_i64().unwrap();
        assert!((4_000..=5_500).contains(&(invocation.deadline_ms - now_ms)));
        redact(&mut invocation.event);
        insta::assert_json_snapshot!(invocation.event, @r#"
        {
          "body": "{\"name\":\"k\"}",
          "cookies": [
            "first=1",
            "second=2"
          ],
          "headers": {
            "accept": "*/*",
            "content-length": "12",
            "content-type": "application/json",
            "host": "gateway",
            "x-amzn-trace-id": "trace",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "port",
            "x-forwarded-proto": "http",
            "x-twice": "one,two"
          },
          "isBase64Encoded": false,
          "queryStringParameters": {
            "a": "1,2",
            "b": "x y"
          },
          "rawPath": "/keys",
          "rawQueryString": "a=1&b=x%20y&a=2",
          "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "gateway",
            "domainPrefix": "127",
            "http": {
              "method": "POST",
              "path": "/keys",
              "protocol": "HTTP/1.1",
              "sourceIp": "127.0.0.1",
              "userAgent": ""
            },
            "requestId": "id",
            "routeKey": "POST /keys",
            "stage": "$default",
            "time": "time",
            "timeEpoch": 0
          },
          "routeKey": "POST /keys",
          "version": "2.0"
        }
        "#);
        let result = json!({
            "statusCode": 201,
            "headers": { "content-type": "application/json" },
            "cookies": ["a=1", "b=2"],
            "body": "{}",
        });
        assert_eq!(function.respond(&invocation, &result).await, 202);
    });
    let response = response.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert!(response.headers().contains_key("apigw-requestid"));
    assert_eq!(response.text().await.unwrap(), "{}");
    stack.shutdown().await;
}

/// What is different at every run.
fn redact(event: &mut Value) {
    let replaced = [
        ("/headers/host", json!("gateway")),
        ("/headers/x-amzn-trace-id", json!("trace")),
        ("/headers/x-forwarded-port", json!("port")),
        ("/requestContext/domainName", json!("gateway")),
        ("/requestContext/requestId", json!("id")),
        ("/requestContext/time", json!("time")),
        ("/requestContext/timeEpoch", json!(0)),
    ];
    for (pointer, value) in replaced {
        *event.pointer_mut(pointer).unwrap() = value;
    }
}

#[tokio::test]
async fn bodies_that_are_no_text_are_base64_and_paths_are_decoded() {
    let stack = attached().await;
    let function = Function::attach(&stack, "api_keys").await;
    for (content_type, body, expected) in [
        ("application/x-www-form-urlencoded", &b"a=b"[..], json!("YT1i")),
        ("application/octet-stream", &[0, 255], json!("AP8=")),
        ("text/plain; charset=utf-8", b"plain", json!("plain")),
    ] {
        let request = client()
            .put(format!("{}/files/a%20b/c", stack.url()))
            .header("content-type", content_type)
            .body(body);
        let (response, ()) = tokio::join!(request.send(), async {
            let invocation = function.next().await;
            let event = &invocation.event;
            assert_eq!(event["body"], expected);
            assert_eq!(event["isBase64Encoded"], expected != "plain");
            assert_eq!(event["rawPath"], "/files/a b/c");
            assert_eq!(event["routeKey"], "ANY /files/{proxy+}");
            assert_eq!(event["pathParameters"], json!({ "proxy": "a b/c" }));
            function.respond(&invocation, &json!({ "bare": true })).await;
        });
        let response = response.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.text().await.unwrap(), r#"{"bare":true}"#);
    }
}

#[tokio::test]
async fn the_gateway_answers_what_no_function_does() {
    let stack = attached().await;
    let function = Function::attach(&stack, "api_keys").await;
    let get = |path: &str| client().get(format!("{}{path}", stack.url())).send();

    let response = get("/nowhere").await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().await.unwrap(), r#"{"message":"Not Found"}"#);

    let (response, ()) = tokio::join!(get("/keys/1"), async {
        let invocation = function.next().await;
        assert_eq!(function.fail(&invocation).await, 202);
    });
    let response = response.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.text().await.unwrap(), r#"{"message":"Internal Server Error"}"#);

    let (response, ()) = tokio::join!(get("/keys/1"), async {
        let invocation = function.next().await;
        let path = format!("invocation/{}/response", invocation.request_id);
        let large = vec![b' '; 6 * 1024 * 1024 + 1];
        assert_eq!(function.post(&path, large).await, 413);
    });
    assert_eq!(response.unwrap().status(), 500);

    let large = client().post(format!("{}/keys", stack.url()));
    let response = large.body(vec![b' '; 10 * 1024 * 1024 + 1]).send().await.unwrap();
    assert_eq!(response.status(), 413);
    let message = response.text().await.unwrap();
    assert_eq!(message, r#"{"message":"Request Entity Too Large"}"#);
}

#[tokio::test]
async fn preflight_requests_are_answered_from_the_template() {
    let stack = attached().await;
    let preflight = |origin: &'static str| {
        client()
            .request(Method::OPTIONS, format!("{}/keys", stack.url()))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("https://console.example.com").await.unwrap();
    assert_eq!(allowed.status(), 204);
    let header = |name: &str| allowed.headers()[name].to_str().unwrap();
    assert_eq!(header("access-control-allow-origin"), "https://console.example.com");
    assert_eq!(header("access-control-allow-methods"), "GET,POST");
    assert_eq!(header("access-control-allow-headers"), "authorization,content-type");
    assert_eq!(header("access-control-max-age"), "600");
    let refused = preflight("https://evil.example.com").await.unwrap();
    assert_eq!(refused.status(), 204);
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_result_for_an_invocation_that_does_not_run_is_refused() {
    let stack = attached().await;
    let function = Function::attach(&stack, "api_keys").await;
    assert_eq!(function.post("invocation/other/response", "{}").await, 400);
}

#[tokio::test]
async fn a_message_becomes_an_event_and_is_deleted_when_it_succeeded() {
    let stack = attached().await;
    let function = Function::attach(&stack, "dispatcher").await;
    send(&stack, "hello", 0).await;
    let mut invocation = function.next().await;
    let record = &mut invocation.event["Records"][0];
    for pointer in [
        "/messageId",
        "/receiptHandle",
        "/attributes/SentTimestamp",
        "/attributes/ApproximateFirstReceiveTimestamp",
        "/md5OfMessageAttributes",
    ] {
        *record.pointer_mut(pointer).unwrap() = json!("…");
    }
    insta::assert_json_snapshot!(record, @r#"
    {
      "attributes": {
        "ApproximateFirstReceiveTimestamp": "…",
        "ApproximateReceiveCount": "1",
        "SenderId": "000000000000",
        "SentTimestamp": "…"
      },
      "awsRegion": "us-east-1",
      "body": "hello",
      "eventSource": "aws:sqs",
      "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:local-Deliveries",
      "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
      "md5OfMessageAttributes": "…",
      "messageAttributes": {
        "trace": {
          "binaryListValues": [],
          "dataType": "String",
          "stringListValues": [],
          "stringValue": "t-1"
        }
      },
      "messageId": "…",
      "receiptHandle": "…"
    }
    "#);
    assert_eq!(counts(&stack).await, (json!("0"), json!("1")));
    function.respond(&invocation, &json!({ "batchItemFailures": [] })).await;
    send(&stack, "again", 0).await;
    let invocation = function.next().await;
    assert_eq!(invocation.event["Records"][0]["body"], "again");
    assert_eq!(counts(&stack).await, (json!("0"), json!("1")));
}

#[tokio::test]
async fn a_message_does_not_wait_for_the_next_poll() {
    let stack = attached().await;
    let function = Function::attach(&stack, "dispatcher").await;
    let mut latencies = Vec::new();
    for _ in 0..5 {
        let sent = tokio::time::Instant::now();
        send(&stack, "hello", 0).await;
        let invocation = function.next().await;
        latencies.push(sent.elapsed());
        function.respond(&invocation, &json!({})).await;
    }
    // It is about 2 ms; the queue looks at its clock once a second only.
    let best = latencies.iter().min().unwrap();
    assert!(*best < Duration::from_millis(250), "{latencies:?}");
}

#[tokio::test]
async fn what_failed_stays_in_flight_and_the_rest_is_deleted() {
    let stack = attached().await;
    for body in ["good", "bad", "good"] {
        send(&stack, body, 0).await;
    }
    let function = Function::attach(&stack, "dispatcher").await;
    let mut seen = 0;
    while seen < 3 {
        let invocation = function.next().await;
        let records = invocation.event["Records"].as_array().unwrap();
        seen += records.len();
        let failed = records.iter().filter(|record| record["body"] == "bad");
        let failed = failed.map(|record| json!({ "itemIdentifier": record["messageId"] }));
        let result = json!({ "batchItemFailures": failed.collect::<Value>() });
        function.respond(&invocation, &result).await;
    }
    send(&stack, "last", 0).await;
    let invocation = function.next().await;
    let (_, in_flight) = counts(&stack).await;
    assert_eq!(in_flight, "2", "the bad one and the last one");
    function.respond(&invocation, &json!({})).await;
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let stack = attached().await;
    let options = Options {
        gateway_port: stack.url().rsplit(':').next().unwrap().parse().unwrap(),
        ..Options::new(fixture())
    };
    let error = Stack::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot listen on port "), "{error}");
    assert!(error.ends_with("--port takes another one"), "{error}");
}
