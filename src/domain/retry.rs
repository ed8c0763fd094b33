//! When a deferred delivery is tried again, and when it is given up (RFC 5321 section 4.5.4.1).

use std::time::Duration;

use super::timestamp::Timestamp;

/// Part of a delay that chance may add or take, so that what failed together is not tried again together.
const JITTER: f64 = 0.1;

/// Delays after the first, second, … failed attempt; the last one repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    delays: Vec<Duration>,
    expire: Duration,
}

impl RetrySchedule {
    /// `delays` must not be empty; an empty list is read as one delay of an hour.
    pub fn new(mut delays: Vec<Duration>, expire: Duration) -> Self {
        if delays.is_empty() {
            delays.push(Duration::from_hours(1));
        }
        Self { delays, expire }
    }

    /// How long a delivery lives after acceptance.
    pub fn expire(&self) -> Duration {
        self.expire
    }

    /// No retry lies further ahead than this.
    pub fn longest(&self) -> Duration {
        self.delays.iter().max().copied().unwrap_or_default().mul_f64(1.0 + JITTER)
    }

    /// The time of the next attempt where the receiver asked for a pause: not sooner, not all at once, and no later than
    /// a retry may be.
    pub fn after_pause(&self, pause: Duration, now: Timestamp, chance: f64) -> Timestamp {
        now + pause.mul_f64(1.0 + 2.0 * JITTER * chance.clamp(0.0, 1.0)).min(self.longest())
    }

    /// The time of the next attempt after `attempts` failed ones (1 or more). `chance` is uniform in 0 to 1.
    pub fn next(&self, attempts: u32, now: Timestamp, chance: f64) -> Timestamp {
        let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(self.delays.len() - 1);
        let delay = self.delays.get(at).copied().unwrap_or(Duration::from_hours(1));
        now + delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_then_repeat_and_stay_within_the_jitter() {
        let schedule = RetrySchedule::new(vec![Duration::from_mins(1), Duration::from_mins(5)], Duration::from_secs(9));
        let now = Timestamp::from_millis(0);
        assert_eq!(schedule.next(1, now, 0.5).millis(), 60_000);
        assert_eq!(schedule.next(2, now, 0.0).millis(), 270_000);
        assert_eq!(schedule.next(99, now, 1.0).millis(), 330_000);
        let asked = |seconds, chance| schedule.after_pause(Duration::from_secs(seconds), now, chance).millis();
        assert_eq!((asked(100, 0.0), asked(100, 1.0), asked(3_600, 0.0)), (100_000, 120_000, 330_000));
    }
}
