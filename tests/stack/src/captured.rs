//! What functions print and what queues hand them, kept for tests that search it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was seen so far; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    lines: Vec<(String, String)>,
    messages: Vec<String>,
}

/// Who sees what functions print.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prints {
    /// Nobody at the terminal.
    pub(crate) quiet: bool,
    /// A test.
    pub(crate) captured: Option<Captured>,
}

impl Prints {
    /// A line of a function.
    pub(crate) fn line(&self, function: &str, line: &str) {
        if !self.quiet {
            eprintln!("[{function}] {line}");
        }
        if let Some(captured) = &self.captured {
            captured.line(function, line);
        }
    }
}

impl Captured {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, function: &str, line: &str) {
        self.seen().lines.push((function.to_owned(), line.to_owned()));
    }

    pub(crate) fn batch(&self, event: &str) {
        self.seen().messages.push(event.to_owned());
    }

    /// Every line that a function printed, with its name.
    pub fn lines(&self) -> Vec<(String, String)> {
        self.seen().lines.clone()
    }

    /// Every batch of messages that a queue handed to a function, as the event it got.
    pub fn batches(&self) -> Vec<String> {
        self.seen().messages.clone()
    }
}
