//! Time comes in through the door: whoever needs it holds a [`Clock`], and tests move theirs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. On the wire it is RFC 3339 in UTC
/// with milliseconds (`2026-01-01T00:00:00.000Z`); in the table it is the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last instant of the year 9999, beyond which RFC 3339 cannot write.
    const MAX_MS: i64 = 253_402_300_799_999;

    /// Clamped to the years 1970 to 9999, so that it can always be written.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 {
            0
        } else if ms > Self::MAX_MS {
            Self::MAX_MS
        } else {
            ms
        })
    }

    /// Clamped as [`Timestamp::from_millis`].
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: the unit of JWT dates and of DynamoDB's TTL.
    pub const fn seconds(self) -> i64 {
        self.0 / 1000
    }

    /// Later by `duration`, at most the end of the year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis_of(duration)))
    }

    /// Earlier by `duration`, at least 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis_of(duration)))
    }

    /// How long `earlier` is ago; zero when it lies ahead, as it may when clocks differ.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = OffsetDateTime::from_unix_timestamp(self.seconds()).map_err(|_| fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            date.hour(),
            date.minute(),
            date.second(),
            self.0 % 1000
        )
    }
}

/// The text is not an RFC 3339 time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected a time as in RFC 3339, such as `2026-01-01T00:00:00Z`")]
pub struct NotATime;

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let date = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATime)?;
        let ms = i64::try_from(date.unix_timestamp_nanos() / 1_000_000).map_err(|_| NotATime)?;
        if (0..=Self::MAX_MS).contains(&ms) { Ok(Self(ms)) } else { Err(NotATime) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(|| {
            #[expect(clippy::disallowed_methods, reason = "this is the clock")]
            let now = SystemTime::now();
            let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_millis(millis_of(since))
        }))
    }

    /// A clock that stands still until its [`Hands`] are moved.
    pub fn standing_at(start: Timestamp) -> (Self, Hands) {
        let hands = Hands(Arc::new(AtomicI64::new(start.0)));
        let read = hands.clone();
        (Self(Arc::new(move || read.now())), hands)
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Moves a clock made by [`Clock::standing_at`].
#[derive(Clone, Debug)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis_of(by), Ordering::SeqCst);
    }

    /// Moves the clock backward, as an adjusted clock may.
    pub fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(millis_of(by), Ordering::SeqCst);
    }
}

/// `#[serde(with = "clock::millis")]`: the table's form of a time, a number that sorts.
pub mod millis {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    /// As milliseconds since 1970.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.millis())
    }

    /// From milliseconds since 1970.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_millis)
    }

    /// The same for a time that may be absent; with `#[serde(default)]` the attribute may be, too.
    pub mod optional {
        use super::{Deserialize, Deserializer, Serializer, Timestamp};

        /// As milliseconds since 1970, or null.
        pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&time.millis()),
                None => serializer.serialize_none(),
            }
        }

        /// From milliseconds since 1970, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_millis))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        let time = Timestamp::from_millis(1_767_225_600_042);
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.042Z");
        assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn a_time_with_an_offset_is_the_same_instant() {
        assert_eq!("2026-01-01T02:00:00+02:00".parse(), Ok(Timestamp::from_seconds(1_767_225_600)));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in
            ["", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "1767225600"]
        {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn extreme_numbers_are_clamped_to_what_can_be_written() {
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_seconds(i64::MAX).plus(Duration::MAX).millis(), Timestamp::MAX_MS);
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_age() {
        let (clock, hands) = Clock::standing_at(Timestamp::from_seconds(100));
        let before = clock.now();
        hands.turn_back(Duration::from_secs(10));
        assert_eq!(clock.now().since(before), Duration::ZERO);
    }
}
