//! The time and the random identifiers that AWS would put into what functions get.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use time::OffsetDateTime;

/// Now. The one place of this crate that reads the clock.
pub(crate) fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the local AWS")]
    let now = OffsetDateTime::now_utc();
    now
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1_000 + i64::from(time.millisecond())
}

/// `23/Nov/2026:10:15:00 +0000`, as access logs have it.
pub(crate) fn log_time(time: OffsetDateTime) -> String {
    let month = time.month().to_string();
    let (hour, minute, second) = time.to_hms();
    format!(
        "{:02}/{}/{}:{hour:02}:{minute:02}:{second:02} +0000",
        time.day(),
        month.get(..3).unwrap_or_default(),
        time.year(),
    )
}

/// `2026-11-23T10:15:00Z`.
pub(crate) fn iso_time(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", time.date())
}

/// 64 bits nobody can guess in advance; not for secrets.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// In the form of a version 4 UUID.
pub(crate) fn request_id() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// A trace header as X-Ray begins it.
pub(crate) fn trace_id(time: OffsetDateTime) -> String {
    format!(
        "Root=1-{:08x}-{:016x}{:08x};Parent={:016x};Sampled=0",
        time.unix_timestamp(),
        random(),
        random() >> 32,
        random()
    )
}
