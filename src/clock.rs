//! The one file that reads the clock; everything else gets the time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// A source of time, handed down from `main`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// Wall-clock time, UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn now(self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Monotonic time, for intervals.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn instant(self) -> Instant {
        Instant::now()
    }
}
