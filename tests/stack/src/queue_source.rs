//! From a queue to a function, as Lambda's event source mapping does it: gathers a
//! batch, calls the function, deletes what succeeded. What failed stays in flight
//! until its visibility timeout ends; the queue's redrive policy does the rest.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::lambda::Lambda;
use crate::services::Queues;
use crate::template::{QueueSource, REGION};

/// The longest that SQS lets a receive wait.
const WAIT_SECONDS_MAX: u64 = 20;

/// SQS hands out at most this many messages at once.
const RECEIVED_MAX: u32 = 10;

/// Lambda starts with five pollers where the template sets no maximum.
const CONCURRENCY_DEFAULT: u32 = 5;

/// After a refused call, which only a stopping queue gives or one that is away.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Reads the queue until it is dropped.
pub(crate) async fn poll(source: QueueSource, queues: Queues, lambda: Lambda) {
    let concurrency = source.concurrency_max.unwrap_or(CONCURRENCY_DEFAULT);
    let slots = Arc::new(Semaphore::new(concurrency as usize));
    let mut invocations = tokio::task::JoinSet::new();
    let mapping = Arc::new(Mapping { url: queues.url_of_arn(&source.arn), source, queues, lambda });
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let batch = mapping.batch().await;
        while invocations.try_join_next().is_some() {}
        if !batch.is_empty() {
            let mapping = Arc::clone(&mapping);
            invocations.spawn(async move {
                mapping.deliver(batch).await;
                drop(slot);
            });
        }
    }
}

struct Mapping {
    url: String,
    source: QueueSource,
    queues: Queues,
    lambda: Lambda,
}

impl Mapping {
    /// Waits for a first message, then gathers more until the batch is full or the
    /// window is over.
    async fn batch(&self) -> Vec<Value> {
        let mut batch = self.receive(self.source.batch_size, WAIT_SECONDS_MAX).await;
        let window_end = Instant::now() + Duration::from_secs(self.source.window_seconds.into());
        while !batch.is_empty() {
            let wanted = self.source.batch_size.saturating_sub(length(&batch));
            let left = window_end.saturating_duration_since(Instant::now());
            if wanted == 0 || left.is_zero() {
                break;
            }
            let more = self.receive(wanted, left.as_secs().clamp(1, WAIT_SECONDS_MAX));
            match tokio::time::timeout(left, more).await {
                Ok(more) => batch.extend(more),
                Err(_) => break,
            }
        }
        batch
    }

    async fn receive(&self, wanted: u32, wait_seconds: u64) -> Vec<Value> {
        if self.queues.is_away() {
            tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            return Vec::new();
        }
        let input = json!({
            "QueueUrl": self.url,
            "MaxNumberOfMessages": wanted.min(RECEIVED_MAX),
            "WaitTimeSeconds": wait_seconds,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let received = self.queues.call("ReceiveMessage", &self.source.arn, input);
        let Ok(mut received) = received.await else {
            tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            return Vec::new();
        };
        match received["Messages"].take() {
            Value::Array(messages) => messages,
            _ => Vec::new(),
        }
    }

    async fn deliver(&self, batch: Vec<Value>) {
        let records: Value = batch.iter().map(|message| self.record(message)).collect();
        let event = json!({ "Records": records }).to_string();
        if let Some(captured) = self.lambda.captured() {
            captured.batch(&event);
        }
        let Ok(result) = self.lambda.invoke(event.into()).await else {
            return;
        };
        let ids: Vec<&str> = batch.iter().map(message_id).collect();
        let failed = if self.source.reports_failures { failures(&result, &ids) } else { Vec::new() };
        let done = batch.iter().filter(|message| !failed.contains(&message_id(message).to_owned()));
        let done: Vec<&Value> = done.collect();
        for chunk in done.chunks(RECEIVED_MAX as usize) {
            let entries = chunk.iter().enumerate().map(|(number, message)| {
                json!({ "Id": number.to_string(), "ReceiptHandle": message["ReceiptHandle"] })
            });
            let input = json!({ "QueueUrl": self.url, "Entries": entries.collect::<Value>() });
            let deleted = self.queues.call("DeleteMessageBatch", &self.source.arn, input);
            if let Err(error) = deleted.await {
                eprintln!("[sqs] {error}");
            }
        }
    }

    fn record(&self, message: &Value) -> Value {
        let attributes = message["MessageAttributes"].as_object();
        let attributes: Map<String, Value> = attributes
            .into_iter()
            .flatten()
            .map(|(name, attribute)| (name.clone(), message_attribute(attribute)))
            .collect();
        let mut record = json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes").unwrap_or(&json!({})),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.source.arn,
            "awsRegion": REGION,
        });
        if let Some(md5) = message.get("MD5OfMessageAttributes") {
            record["md5OfMessageAttributes"] = md5.clone();
        }
        record
    }
}

fn length(batch: &[Value]) -> u32 {
    u32::try_from(batch.len()).unwrap_or(u32::MAX)
}

fn message_id(message: &Value) -> &str {
    message["MessageId"].as_str().unwrap_or_default()
}

fn message_attribute(attribute: &Value) -> Value {
    let mut event = json!({
        "dataType": attribute["DataType"],
        "stringListValues": [],
        "binaryListValues": [],
    });
    for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(value) = attribute.get(from) {
            event[to] = value.clone();
        }
    }
    event
}

/// The messages that a function gives back. As on AWS: nothing or an empty list is a
/// success; what cannot be read, or names a message that was not in the batch, is a
/// failure of all.
fn failures(result: &[u8], batch: &[&str]) -> Vec<String> {
    let all = || batch.iter().map(|id| (*id).to_owned()).collect();
    if result.is_empty() {
        return Vec::new();
    }
    let Ok(result) = serde_json::from_slice::<Value>(result) else {
        return all();
    };
    let failures = match &result["batchItemFailures"] {
        Value::Null => return Vec::new(),
        Value::Array(failures) => failures,
        _ => return all(),
    };
    let mut failed = Vec::new();
    for failure in failures {
        match failure["itemIdentifier"].as_str() {
            Some(id) if batch.contains(&id) => failed.push(id.to_owned()),
            _ => return all(),
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_fails_and_the_rest_succeeds() {
        let result = br#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#;
        assert_eq!(failures(result, &["a", "b"]), ["b"]);
    }

    #[test]
    fn nothing_and_an_empty_list_are_a_success() {
        for result in ["", "null", "{}", r#"{"batchItemFailures":[]}"#] {
            assert!(failures(result.as_bytes(), &["a"]).is_empty(), "{result}");
        }
    }

    #[test]
    fn what_cannot_be_understood_fails_the_whole_batch() {
        let results = [
            "{",
            r#"{"batchItemFailures":1}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"other"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{}]}"#,
        ];
        for result in results {
            assert_eq!(failures(result.as_bytes(), &["a", "b"]), ["a", "b"], "{result}");
        }
    }
}
