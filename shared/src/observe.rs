//! What a function tells of itself: counts for CloudWatch ([`Metric`]), spans for a collector ([`Span`]), errors for
//! Sentry ([`Dsn`]), and the form of log lines ([`Lines`]).
//!
//! All of it is gathered while an invocation runs and given away when it ends, because a process that has answered is
//! frozen. What cannot be given away is lost: observing is never a reason to fail, or to be slow.
//! What is told, and where it goes, is in `docs/observing.md`; why so, in ADR 0019.

mod emf;
mod export;
mod lines;
mod metric;
mod redact;
mod sentry;
mod span;

use std::any::Any;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tracing::Instrument;
use url::Url;

pub use emf::{DIMENSIONS, NAMESPACE};
pub use lines::Lines;
pub use metric::{Metric, Unit};
pub use redact::redacted;
pub use sentry::Dsn;
pub use span::{Span, SpanKind};

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::trace::XRay;
use emf::Tally;
use export::Exporter;

/// Who tells.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The function, by the name of its binary.
    pub function: &'static str,
    /// The function, by the name that AWS has for it.
    pub function_name: String,
    /// The deployment's stage.
    pub stage: String,
}

/// What a function tells of itself. Clones tell of the same one.
#[derive(Clone)]
pub struct Observer(Arc<Inside>);

struct Inside {
    subject: Subject,
    clock: Clock,
    entropy: Entropy,
    out: Mutex<Box<dyn Write + Send>>,
    level: &'static str,
    warm: AtomicBool,
    tally: Mutex<Tally>,
    spans: Mutex<Vec<Span>>,
    collector: Option<Exporter>,
    sentry: Option<Exporter>,
}

/// What has been sent to, and how it is put together.
pub struct Told {
    /// Who tells.
    pub subject: Subject,
    /// Where lines of metrics go: what CloudWatch reads.
    pub out: Box<dyn Write + Send>,
    /// The level that those lines say they have: the least that the function writes at all.
    pub level: &'static str,
    /// The base of an OTLP collector's addresses.
    pub collector: Option<Url>,
    /// Where errors are reported.
    pub sentry: Option<Dsn>,
}

impl Observer {
    /// How long a collector may take, which every invocation waits for.
    pub const COLLECTOR_WITHIN: Duration = Duration::from_millis(250);
    /// How long Sentry may take, which only an invocation with errors waits for.
    pub const SENTRY_WITHIN: Duration = Duration::from_millis(500);
    /// Spans of one invocation, at the most.
    const SPANS_MAX: usize = 1000;

    /// One that tells this.
    pub fn new(told: Told, (clock, entropy): (Clock, Entropy)) -> Self {
        let Told { subject, out, level, collector, sentry } = told;
        let collector = collector.map(|mut url| {
            url.set_path(&format!("{}/v1/traces", url.path().trim_end_matches('/')));
            let headers = vec![("content-type", "application/json".to_owned())];
            Exporter::new("collector", url, headers, Self::COLLECTOR_WITHIN)
        });
        let sentry =
            sentry.map(|dsn| Exporter::new("Sentry", dsn.url.clone(), dsn.headers(), Self::SENTRY_WITHIN));
        Self(Arc::new(Inside {
            subject,
            clock,
            entropy,
            out: Mutex::new(out),
            level,
            warm: AtomicBool::new(false),
            tally: Mutex::default(),
            spans: Mutex::default(),
            collector,
            sentry,
        }))
    }

    /// Counts things.
    pub fn count(&self, metric: Metric, number: usize) {
        self.measure(metric, u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// Measures one thing, in the metric's unit.
    pub fn measure(&self, metric: Metric, value: u64) {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner).add(metric, value);
    }

    /// Whether spans go anywhere.
    pub fn traces(&self) -> bool {
        self.0.collector.is_some()
    }

    /// Tells of a span, if that is wanted.
    pub fn span(&self, span: Span) {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if self.traces() && span.place.sampled && spans.len() < Self::SPANS_MAX {
            spans.push(span);
        }
    }

    /// An invocation begins: whether it is the first of this process.
    pub fn begins(&self) -> bool {
        let cold = !self.0.warm.swap(true, Ordering::Relaxed);
        if cold {
            self.count(Metric::ColdStarts, 1);
        }
        cold
    }

    /// An invocation that is no request: what is observed in it is given away when it has ended, also by a panic.
    pub async fn invocation<T>(&self, work: impl Future<Output = T>) -> T {
        let cold_start = self.begins();
        let xray = XRay::of_invocation();
        let span = tracing::error_span!(
            "invocation",
            cold_start,
            trace_id = xray.as_ref().and_then(XRay::trace_id),
            xray_trace_id = xray.as_ref().map(XRay::root)
        );
        let done = AssertUnwindSafe(work).catch_unwind().instrument(span).await;
        self.ends().await;
        done.unwrap_or_else(|panic| go_on_panicking(panic))
    }

    /// An invocation ends.
    pub async fn ends(&self) {
        let taken = tokio::join!(self.export_spans(), self.report_errors());
        self.count_lost(taken.0);
        self.count_lost(taken.1);
        let tally = std::mem::take(&mut *self.0.tally.lock().unwrap_or_else(PoisonError::into_inner));
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        for line in tally.lines(&self.0.subject, self.0.level, self.0.clock.now()) {
            // Nobody can be told that it failed.
            drop(out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()));
        }
    }

    fn count_lost(&self, taken: bool) {
        if !taken {
            self.count(Metric::ExportsFailed, 1);
        }
    }

    async fn export_spans(&self) -> bool {
        let spans = std::mem::take(&mut *self.0.spans.lock().unwrap_or_else(PoisonError::into_inner));
        match &self.0.collector {
            Some(collector) if !spans.is_empty() => {
                collector.send(span::request(&spans, &self.0.subject).to_string().into_bytes()).await
            }
            _ => true,
        }
    }

    async fn report_errors(&self) -> bool {
        let reports = lines::take_reports();
        let Some(sentry) = &self.0.sentry else { return true };
        let Inside { subject, clock, entropy, .. } = &*self.0;
        let now = clock.now();
        let sent = reports.iter().filter_map(|line| sentry::envelope(line, subject, now, entropy));
        let sent = futures_util::future::join_all(sent.map(|envelope| sentry.send(envelope))).await;
        sent.into_iter().all(|taken| taken)
    }
}

/// Lets a panic end the invocation, as it would have. What it said may hold data, so Lambda, and whoever called, are
/// not told.
pub fn go_on_panicking(panic: Box<dyn Any + Send>) -> ! {
    drop(panic);
    resume_unwind(Box::new("the log says where"))
}

/// Puts every panic on record, with its place and, unless something was filled into it, its text.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let reason = panic.payload().downcast_ref::<&'static str>().copied();
        tracing::error!(location, reason = reason.unwrap_or("withheld: it may hold data"), "panicked");
    }));
}
