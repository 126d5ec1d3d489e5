//! Log lines: one JSON object each, with the fields of the event and of the spans around it side by side, so that
//! every line says of which request and which trace it is.
//!
//! Lines of level `ERROR` that our own code writes are kept for Sentry, too, until the invocation ends.

use std::fmt;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::redacted;
use crate::clock::Clock;

/// The crates whose lines are ours.
const OURS: [&str; 11] = [
    "shared",
    "auth",
    "organizations",
    "api_keys",
    "webhooks",
    "dispatcher",
    "mailer",
    "authorizer",
    "sweeper",
    "rotator",
    "migrator",
];

/// Errors of one invocation that are reported, at the most.
const REPORTS_MAX: usize = 5;
/// What most lines are shorter than.
const LINE_BYTES: usize = 512;

/// Errors since the last invocation ended. One process runs one invocation at a time, and whoever is asked for a
/// line has nothing of ours at hand: so there is one list in a process.
static REPORTS: Mutex<Vec<Map<String, Value>>> = Mutex::new(Vec::new());

/// The errors that were logged since this was last asked.
pub(super) fn take_reports() -> Vec<Map<String, Value>> {
    std::mem::take(&mut *REPORTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes lines, and keeps errors.
pub struct Lines {
    clock: Clock,
    prints: bool,
}

impl Lines {
    /// Prints JSON, and keeps errors.
    pub fn json(clock: Clock) -> Self {
        Self { clock, prints: true }
    }

    /// Keeps errors. Somebody else prints.
    pub fn silent(clock: Clock) -> Self {
        Self { clock, prints: false }
    }
}

/// Fields as JSON, in the order in which they came. Of two with one name the first counts.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let value = match (field.name(), value.into()) {
            // What others say is wrong, they say with what was sent.
            ("error" | "cause", Value::String(text)) => redacted(&text).into(),
            (_, value) => value,
        };
        self.0.push((field.name(), value));
    }

    /// Writes those whose names are not yet `written`.
    fn write<M: SerializeMap>(&self, map: &mut M, written: &mut Vec<&'static str>) -> Result<(), M::Error> {
        for (name, value) in &self.0 {
            if !written.contains(name) {
                written.push(name);
                map.serialize_entry(name, value)?;
            }
        }
        Ok(())
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    OURS.contains(&metadata.target().split("::").next().unwrap_or_default())
}

/// Whether a line is worth a report: ours, and an error.
fn is_reported(metadata: &Metadata<'_>) -> bool {
    *metadata.level() == Level::ERROR && is_ours(metadata)
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if !is_ours(attributes.metadata()) {
            // Of the runtime's span: what Lambda's own lines name the invocation by.
            fields.0.retain(|(name, _)| *name == "requestId");
        }
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let reported = is_reported(metadata);
        if !self.prints && !reported {
            return;
        }
        let Ok(line) = self.line(event, &context) else { return };
        if reported && let Ok(line) = serde_json::from_slice(&line) {
            let mut reports = REPORTS.lock().unwrap_or_else(PoisonError::into_inner);
            if reports.len() < REPORTS_MAX {
                reports.push(line);
            }
        }
        if self.prints {
            // One write, so that lines do not mix. Nobody can be told that it failed.
            drop(std::io::stdout().lock().write_all(&line));
        }
    }
}

impl Lines {
    /// The line of an event, with its end.
    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> serde_json::Result<Vec<u8>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Vec::with_capacity(LINE_BYTES);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut map = serializer.serialize_map(None)?;
        // Lambda takes a line's level for what it is only if the line says when it was written.
        map.serialize_entry("timestamp", &self.clock.now())?;
        map.serialize_entry("level", event.metadata().level().as_str())?;
        let mut written = vec!["timestamp", "level"];
        own.write(&mut map, &mut written)?;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                outer.write(&mut map, &mut written)?;
            }
        }
        map.end()?;
        line.push(b'\n');
        Ok(line)
    }
}
