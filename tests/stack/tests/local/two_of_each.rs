//! Two tables, two queues and two functions behind queues do not get in each other's way.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use stack::{Binaries, Options, Service, Stack};

use crate::attached::{Function, client, json_of};
use crate::fixture_of_two;
use crate::services::dynamodb;

async fn attached() -> Stack {
    let options = Options { binaries: Binaries::Attached, ..Options::new(fixture_of_two()) };
    Stack::start(options).await.unwrap()
}

async fn sqs(stack: &Stack, operation: &str, input: Value) -> Value {
    let endpoint = stack.services().endpoint(Service::Sqs);
    let request = client().post(endpoint).header("x-amz-target", format!("AmazonSQS.{operation}"));
    json_of(request.body(input.to_string()).send().await.unwrap()).await
}

async fn send(stack: &Stack, queue: &str, body: &str) {
    let input = json!({ "QueueUrl": stack.services().queue_url(queue), "MessageBody": body });
    let answer = sqs(stack, "SendMessage", input).await;
    assert!(answer["MessageId"].is_string(), "{answer}");
}

#[tokio::test]
async fn each_queue_has_its_consumer() {
    let stack = attached().await;
    let (mailer, dispatcher) =
        (Function::attach(&stack, "mailer").await, Function::attach(&stack, "dispatcher").await);
    send(&stack, "MailQueue", "a mail").await;
    send(&stack, "DeliveriesQueue", "a delivery").await;
    let (mail, delivery) = tokio::join!(mailer.next(), dispatcher.next());
    for (invocation, queue, body) in
        [(&mail, "MailQueue", "a mail"), (&delivery, "DeliveriesQueue", "a delivery")]
    {
        let records = invocation.event["Records"].as_array().unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["body"], body);
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:local-{queue}");
        assert_eq!(records[0]["eventSourceARN"], arn);
    }
}

#[tokio::test]
async fn each_queue_has_its_dead_letters() {
    let stack = attached().await;
    for (queue, dead) in
        [("MailQueue", "MailQueueDeadLetters"), ("DeliveriesQueue", "DeliveriesDeadLetterQueue")]
    {
        let input =
            json!({ "QueueUrl": stack.services().queue_url(queue), "AttributeNames": ["RedrivePolicy"] });
        let answer = sqs(&stack, "GetQueueAttributes", input).await;
        let policy = answer["Attributes"]["RedrivePolicy"].as_str().unwrap();
        let policy: Value = serde_json::from_str(policy).unwrap();
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:local-{dead}");
        assert_eq!(policy["deadLetterTargetArn"], arn);
    }
}

#[tokio::test]
async fn each_table_expires_by_its_own_attribute() {
    let stack = attached().await;
    let services = stack.services();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    for (table, attribute) in [("Table", "expires_at"), ("LimitsTable", "expires")] {
        for (pk, expires) in [("early", "4000000000"), ("late", "4000000100")] {
            let put = dynamodb(services).put_item().table_name(services.table_name(table));
            let put = put.item("pk", text(pk)).item("sk", text("item"));
            put.item(attribute, AttributeValue::N(expires.to_owned())).send().await.unwrap();
        }
    }
    assert_eq!(services.sweep_ttl(4_000_000_050).unwrap(), 2);
    for table in ["Table", "LimitsTable"] {
        let left = dynamodb(services).scan().table_name(services.table_name(table)).send().await.unwrap();
        let left: Vec<_> = left.items().iter().map(|item| item["pk"].as_s().unwrap()).collect();
        assert_eq!(left, ["late"], "{table}");
    }
}
