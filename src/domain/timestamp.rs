//! A moment, in whole milliseconds since 1970-01-01 UTC.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch, UTC. Wall-clock time: intervals that steer the program use a monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Length of a rollup bucket: 15 minutes, so that every time zone's hours and days fall on bucket borders.
pub const BUCKET_MS: i64 = 15 * 60 * 1000;

impl Timestamp {
    /// A timestamp from milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The start of the 15-minute UTC bucket this moment is in.
    #[must_use]
    pub const fn bucket(self) -> Self {
        Self(self.0.div_euclid(BUCKET_MS) * BUCKET_MS)
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment for chrono; the epoch when out of chrono's range (year 262,000 and beyond).
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// RFC 3339 with milliseconds and `Z`, as in the ledger's export.
    pub fn rfc3339(self) -> String {
        self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads RFC 3339; `None` when it is not that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|t| Self(t.timestamp_millis()))
    }

    /// RFC 5322 section 3.3, in UTC, for `Date` and `Received`.
    pub fn rfc5322(self) -> String {
        self.to_chrono().to_rfc2822()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_round_down_also_before_the_epoch() {
        assert_eq!(Timestamp::from_millis(BUCKET_MS + 1).bucket().millis(), BUCKET_MS);
        assert_eq!(Timestamp::from_millis(-1).bucket().millis(), -BUCKET_MS);
    }

    #[test]
    fn rfc_forms() {
        let t = Timestamp::from_millis(1_795_467_845_678);
        assert_eq!(Timestamp::parse_rfc3339(&t.rfc3339()), Some(t));
        assert_eq!(t.rfc3339(), "2026-11-23T21:04:05.678Z");
        assert_eq!(t.rfc5322(), "Mon, 23 Nov 2026 21:04:05 +0000");
    }
}
