//! What counts against a delivery's life and what does not: [`Outage`] and [`Pauses`] together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::outage::{Leave, Outage, Reach};
use super::pauses::{Jump, Pauses};
use crate::domain::{Calendar, Timestamp};
use crate::store::view::Finding;
use crate::store::{Due, SparedTime};

/// The state.
#[derive(Default)]
pub(super) struct Spared {
    outage: Mutex<Outage>,
    pauses: Mutex<Pauses>,
    /// Whether there is something to be kept.
    changed: AtomicBool,
}

impl Spared {
    /// Goes on with what was kept.
    pub(super) fn new(kept: SparedTime, now: Instant) -> Self {
        let spared = Self::default();
        kept.spans.into_iter().for_each(|(from, to)| spared.pauses().add(from, to));
        if let Some((since, lack)) = kept.open {
            spared.outage().resume(since, &lack, now);
        }
        spared
    }

    /// What is to be kept, once after each change.
    pub(super) fn take_changed(&self) -> Option<SparedTime> {
        self.changed.swap(false, Ordering::AcqRel).then(|| SparedTime {
            spans: self.pauses().spans().to_vec(),
            open: self.outage().open().map(|(since, lack)| (since, lack.to_owned())),
        })
    }

    /// It could not be kept.
    pub(super) fn keep_later(&self) {
        self.changed.store(true, Ordering::Release);
    }

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
    pub(super) fn finding(&self, calendar: Calendar) -> Option<Finding> {
        self.outage().finding(calendar)
    }

    /// Looks at both clocks.
    pub(super) fn look(&self, wall: Timestamp, steady: Instant) -> Jump {
        let jump = self.pauses().look(wall, steady);
        if jump == Jump::Ahead {
            self.changed.store(true, Ordering::Release);
        }
        jump
    }

    /// Whether what ends now, took so long and got that far counts.
    pub(super) fn heard(&self, reach: &Reach, now: Timestamp, steady: Instant, took: Duration) -> bool {
        let mut outage = self.outage();
        let before = outage.open();
        let verdict = outage.heard(reach, now, steady, took);
        let changed = outage.open() != before;
        drop(outage);
        if let Some(since) = verdict.ended {
            self.pauses().add(since, now);
        }
        if changed {
            self.changed.store(true, Ordering::Release);
        }
        verdict.counts
    }

    /// When a delivery is given up: its own time, and what of its life did not count.
    pub(super) fn end_of_life(&self, due: &Due, reach: &Reach, now: Timestamp) -> Timestamp {
        let under_way = self.outage().open().map_or(Duration::ZERO, |(since, _)| now.since(since.max(due.accepted_at)));
        let end = due.expires_at + self.pauses().between(due.accepted_at, now) + under_way;
        match reach {
            // That the receivers are not to blame is likely, but not proved: no mail waits longer than two lives for it.
            Reach::NoServer(_) => end.min(due.expires_at + due.expires_at.since(due.accepted_at)),
            Reach::Server(_) | Reach::Beside(_) | Reach::Names | Reach::NoName | Reach::NoNames | Reach::Unasked => end,
        }
    }
}
