//! Time that does not count against the life of a delivery: while this machine could reach nobody, and what a clock that
//! was set forward jumped over.
//!
//! Pure. The wall clock is compared with a steady one; both are read at each turn of the dispatcher, at least every few
//! seconds, so what lies between two looks and is in only one of them is a jump (or a machine that slept).

use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// Smaller differences are a clock that is being corrected.
const JUMP_MIN: Duration = Duration::from_secs(30);
/// Older ones are joined: a delivery then lives a little longer than it should, never shorter.
const SPANS_MAX: usize = 64;

/// What the wall clock did since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jump {
    None,
    Ahead,
    /// What was due soon now lies far ahead.
    Back,
}

/// Spans of wall-clock time, in their order.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    spans: Vec<(Timestamp, Timestamp)>,
    looked: Option<(Timestamp, Instant)>,
}

impl Pauses {
    /// Looks at both clocks.
    pub(super) fn look(&mut self, wall: Timestamp, steady: Instant) -> Jump {
        let Some((wall_before, steady_before)) = self.looked.replace((wall, steady)) else { return Jump::None };
        let expected = wall_before + steady.saturating_duration_since(steady_before);
        if wall.since(expected) >= JUMP_MIN {
            self.add(expected, wall);
            Jump::Ahead
        } else if expected.since(wall) >= JUMP_MIN {
            Jump::Back
        } else {
            Jump::None
        }
    }

    /// Those that count now.
    pub(super) fn spans(&self) -> &[(Timestamp, Timestamp)] {
        &self.spans
    }

    /// A span in which nothing could be delivered.
    pub(super) fn add(&mut self, from: Timestamp, to: Timestamp) {
        self.spans.push((from, to));
        if self.spans.len() > SPANS_MAX {
            let (_, to) = self.spans.remove(1);
            self.spans[0].1 = to;
        }
    }

    /// How much of the time between the two does not count.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.spans.iter().map(|(begin, end)| (*end).min(to).since((*begin).max(from))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_jump_ahead_does_not_age_what_was_there_and_one_back_is_told() {
        let (start, steady) = (Timestamp::from_millis(1_000_000_000_000), Clock.instant());
        let mut pauses = Pauses::default();
        assert_eq!(pauses.look(start, steady), Jump::None);
        assert_eq!(pauses.look(start + HOUR, steady + HOUR), Jump::None);
        let later = start + HOUR + DAY;
        assert_eq!(pauses.look(later, steady + HOUR), Jump::Ahead);
        assert_eq!(pauses.between(start, later), DAY);
        assert_eq!(pauses.between(later, later + DAY), Duration::ZERO);
        assert_eq!(pauses.look(start + HOUR, steady + HOUR), Jump::Back);
        assert_eq!(pauses.look(start + HOUR + HOUR, steady + HOUR + HOUR), Jump::None);
    }

    #[test]
    fn many_spans_are_bounded_and_never_count_for_less() {
        let at = |n: u64| Timestamp::from_millis(0) + Duration::from_secs(n);
        let mut pauses = Pauses::default();
        (0..1_000).for_each(|n| pauses.add(at(10 * n), at(10 * n + 5)));
        assert!(pauses.spans.len() <= SPANS_MAX);
        assert!(pauses.between(at(0), at(10_000)) >= Duration::from_secs(5_000));
    }
}
