//! Counts of one invocation as lines of CloudWatch's embedded metric format: CloudWatch makes metrics of them without
//! a call.
//!
//! Dimensions are the stage and the function's own name and nothing else. Each set of values of the dimensions is a
//! metric that is charged for, so nothing that grows with use (organisations, webhooks, routes) may become one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Metric, Subject, Unit};
use crate::clock::Timestamp;

/// What all metrics of ours are under.
pub const NAMESPACE: &str = "AIFoundry";
/// What tells one from another.
pub const DIMENSIONS: [&str; 2] = ["Stage", "FunctionName"];
/// A member can be a list of so many values at the most.
const VALUES_MAX: usize = 100;

/// What was counted and measured since the last line.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Metric, Vec<u64>>);

impl Tally {
    /// Counts of one metric add up; what is measured is kept value by value.
    pub(super) fn add(&mut self, metric: Metric, value: u64) {
        let values = self.0.entry(metric).or_default();
        match (metric.unit(), values.first_mut()) {
            (Unit::Count, Some(count)) => *count = count.saturating_add(value),
            _ => values.push(value),
        }
    }

    /// The lines that say it: none where nothing was counted, one where no list is too long for one.
    pub(super) fn lines(mut self, subject: &Subject, level: &str, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        while !self.0.is_empty() {
            let part = self.0.iter_mut().map(|(metric, values)| {
                (*metric, values.drain(..values.len().min(VALUES_MAX)).collect::<Vec<_>>())
            });
            lines.push(line(part.collect(), subject, level, now));
            self.0.retain(|_, values| !values.is_empty());
        }
        lines
    }
}

fn line(part: Vec<(Metric, Vec<u64>)>, subject: &Subject, level: &str, now: Timestamp) -> String {
    let metrics: Vec<_> = part
        .iter()
        .map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit().as_str() }))
        .collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [DIMENSIONS], "Metrics": metrics });
    let mut line = Map::new();
    // Without both of these Lambda takes a line for one of `INFO`, and drops it where only worse is wanted.
    line.insert("timestamp".to_owned(), now.to_string().into());
    line.insert("level".to_owned(), level.into());
    line.insert("_aws".to_owned(), json!({ "Timestamp": now.millis(), "CloudWatchMetrics": [directive] }));
    line.insert("Stage".to_owned(), subject.stage.clone().into());
    line.insert("FunctionName".to_owned(), subject.function_name.clone().into());
    for (metric, values) in part {
        let value = match values.as_slice() {
            [one] => (*one).into(),
            several => several.iter().copied().map(Value::from).collect(),
        };
        line.insert(metric.name().to_owned(), value);
    }
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn lines(counted: &[(Metric, u64)]) -> Vec<Value> {
        let subject = Subject {
            function: "dispatcher",
            function_name: "stack-Dispatcher-1".to_owned(),
            stage: "prod".to_owned(),
        };
        let mut tally = Tally::default();
        for (metric, value) in counted {
            tally.add(*metric, *value);
        }
        tally.lines(&subject, "INFO", NOW).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn counts_add_up_and_measures_stand_side_by_side() {
        let counted = [
            (Metric::DeliveriesDelivered, 1),
            (Metric::DeliveryLatency, 40),
            (Metric::DeliveriesDelivered, 2),
            (Metric::DeliveryLatency, 7),
        ];
        let expected = json!({
            "timestamp": "2026-01-01T00:00:00.000Z",
            "level": "INFO",
            "_aws": {
                "Timestamp": 1_767_225_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "AIFoundry",
                    "Dimensions": [["Stage", "FunctionName"]],
                    "Metrics": [
                        { "Name": "DeliveriesDelivered", "Unit": "Count" },
                        { "Name": "DeliveryLatency", "Unit": "Milliseconds" },
                    ],
                }],
            },
            "Stage": "prod",
            "FunctionName": "stack-Dispatcher-1",
            "DeliveriesDelivered": 3,
            "DeliveryLatency": [40, 7],
        });
        assert_eq!(lines(&counted), [expected]);
    }

    #[test]
    fn nothing_counted_is_no_line() {
        assert_eq!(lines(&[]), Vec::<Value>::new());
    }

    #[test]
    fn a_list_goes_on_in_another_line_and_nothing_is_counted_twice() {
        let mut counted: Vec<_> = (0..250).map(|n| (Metric::DeliveryLatency, n)).collect();
        counted.push((Metric::DeliveriesDelivered, 250));
        let lines = lines(&counted);
        let lengths: Vec<_> =
            lines.iter().map(|line| line["DeliveryLatency"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        let named: Vec<_> = lines.iter().map(|line| line.get("DeliveriesDelivered").cloned()).collect();
        assert_eq!(named, [Some(json!(250)), None, None]);
    }
}
