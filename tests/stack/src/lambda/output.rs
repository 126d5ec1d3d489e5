//! What functions print: forwarded under their name, the last lines remembered for
//! the message when one does not start.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};

use crate::captured::Prints;

/// So many lines are shown when a function does not start.
const LINES_KEPT: usize = 20;

/// The output of one process.
pub(super) struct Output {
    name: String,
    prints: Prints,
    last: Mutex<VecDeque<String>>,
    panics: Arc<AtomicUsize>,
}

impl Output {
    /// `panics` counts those that are printed.
    pub(super) fn new(name: &str, prints: Prints, panics: Arc<AtomicUsize>) -> Output {
        Output { name: name.to_owned(), prints, last: Mutex::default(), panics }
    }

    /// Until both ends are closed.
    pub(super) async fn forward(&self, stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) {
        tokio::join!(self.lines(stdout), self.lines(stderr));
    }

    async fn lines(&self, from: Option<impl AsyncRead + Unpin>) {
        let Some(from) = from else { return };
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line).await, Ok(bytes) if bytes > 0) {
            self.line(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }

    fn line(&self, line: &str) {
        if line.contains("panicked at") {
            self.panics.fetch_add(1, Ordering::SeqCst);
        }
        self.prints.line(&self.name, line);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LINES_KEPT {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    }

    /// A reason, and below it what the function printed last.
    pub(super) fn with_last_lines(&self, reason: &str) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = last.iter().map(|line| format!("\n    {line}"));
        std::iter::once(reason.to_owned()).chain(lines).collect()
    }
}
