//! What counts against a delivery's life and what does not: [`Outage`] and [`Pauses`] together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::outage::{Leave, Outage, Reach};
use super::pauses::{Jump, Pauses};
use crate::domain::Timestamp;
use crate::store::Due;
use crate::store::view::Finding;

/// The state.
#[derive(Default)]
pub(super) struct Spared {
    outage: Mutex<Outage>,
    pauses: Mutex<Pauses>,
}

impl Spared {
    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom a delivery may begin to while so many are under way.
    pub(super) fn leave(&self, under_way: usize, now: Instant) -> Leave {
        self.outage().leave(under_way, now)
    }

    /// Whether a connection to this site was tried in vain.
    pub(super) fn is_silent(&self, site: &str) -> bool {
        self.outage().is_silent(site)
    }

    /// For the overview, while this machine reaches nobody.
    pub(super) fn finding(&self) -> Option<Finding> {
        self.outage().finding()
    }

    /// Looks at both clocks.
    pub(super) fn look(&self, wall: Timestamp, steady: Instant) -> Jump {
        self.pauses().look(wall, steady)
    }

    /// Whether what ends now, took so long and got that far counts.
    pub(super) fn heard(&self, reach: &Reach, now: Timestamp, steady: Instant, took: Duration) -> bool {
        let verdict = self.outage().heard(reach, now, steady, took);
        if let Some(since) = verdict.ended {
            self.pauses().add(since, now);
        }
        verdict.counts
    }

    /// When a delivery is given up: its own time, and what of its life did not count.
    pub(super) fn end_of_life(&self, due: &Due, reach: &Reach, now: Timestamp) -> Timestamp {
        let under_way = self.outage().since().map_or(Duration::ZERO, |since| now.since(since.max(due.accepted_at)));
        let end = due.expires_at + self.pauses().between(due.accepted_at, now) + under_way;
        match reach {
            // That the receivers are not to blame is likely, but not proved: no mail waits longer than two lives for it.
            Reach::NoServer(_) => end.min(due.expires_at + due.expires_at.since(due.accepted_at)),
            Reach::Server(_) | Reach::Names | Reach::NoName | Reach::NoNames => end,
        }
    }
}
