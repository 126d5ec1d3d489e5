//! What functions tell of themselves, kept for the test instead of CloudWatch.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use shared::clock::Clock;
use shared::context::Core;
use shared::entropy::Entropy;
use shared::observe::{Dsn, Observer, Subject, Told};
use url::Url;

/// The lines of metrics of all functions, and whom they tell of spans and errors.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    lines: Arc<Mutex<Vec<u8>>>,
    /// The collector of spans.
    pub collector: Option<Url>,
    /// Who is told of errors.
    pub sentry: Option<Dsn>,
}

impl Write for Observed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Observed {
    /// Functions that send their spans to a collector.
    pub fn by(collector: &str) -> Self {
        Self { collector: Some(collector.parse().unwrap()), ..Self::default() }
    }

    /// What one function tells.
    pub(crate) fn observer(&self, function: &'static str, clock: Clock) -> Observer {
        let subject =
            Subject { function, function_name: format!("stack-{function}-1"), stage: "dev".to_owned() };
        let told = Told {
            subject,
            out: Box::new(self.clone()),
            level: "INFO",
            collector: self.collector.clone(),
            sentry: self.sentry.clone(),
        };
        Observer::new(told, (clock, Entropy::system()))
    }

    /// What one function holds: what all of them share, and its own observer.
    pub(crate) fn core(&self, function: &'static str, core: &Core) -> Core {
        Core { observer: self.observer(function, core.clock.clone()), ..core.clone() }
    }

    /// Every line so far, each of which is JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = String::from_utf8(self.lines.lock().unwrap().clone()).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All values of one metric of one function, in their order.
    pub fn values(&self, function: &str, metric: &str) -> Vec<u64> {
        let name = format!("stack-{function}-1");
        let lines = self.lines().into_iter().filter(|line| line["FunctionName"] == name.as_str());
        let values = lines.flat_map(|line| match &line[metric] {
            Value::Array(values) => values.clone(),
            Value::Null => Vec::new(),
            value => vec![value.clone()],
        });
        values.map(|value| value.as_u64().unwrap()).collect()
    }

    /// The sum of them.
    pub fn sum(&self, function: &str, metric: &str) -> u64 {
        self.values(function, metric).iter().sum()
    }
}
