//! Samples and what is said of them.

use std::path::PathBuf;
use std::time::Duration;

/// Times that were measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The sample below which so many hundredths of all are (nearest rank).
    pub(crate) fn percentile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
        sorted[rank - 1]
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// What is written of a percentile, and a dash where nothing was measured.
    pub(crate) fn said(&self, hundredths: usize, write: fn(Duration) -> String) -> String {
        if self.0.is_empty() { "–".to_owned() } else { write(self.percentile(hundredths)) }
    }
}

/// How many of something: what the environment says, for a machine with more time or less, or `or`.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
pub(crate) fn setting(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

/// A folder of the functions' binaries, if `BENCH_FUNCTIONS` names one.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
pub(crate) fn functions() -> Option<PathBuf> {
    std::env::var_os("BENCH_FUNCTIONS").map(PathBuf::from)
}

/// The same, built for arm64, if `BENCH_ARM64` names one. They are looked at and not run.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
pub(crate) fn functions_for_arm64() -> Option<PathBuf> {
    std::env::var_os("BENCH_ARM64").map(PathBuf::from)
}

/// In milliseconds, to the microsecond.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}
