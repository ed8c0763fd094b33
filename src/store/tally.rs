//! What the store committed since it was opened, for those who watch the relay.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{Event, Fact};

/// The upper bounds of the classes that commits are counted in by how long they took, in milliseconds.
pub const COMMIT_MS: [u64; 8] = [1, 2, 5, 10, 25, 100, 500, 2_500];

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commits.
    pub commits: u64,
    /// Jobs in them.
    pub jobs: u64,
    /// How long they took in all.
    pub commit_time: Duration,
    /// Commits that took no longer than each of [`COMMIT_MS`].
    pub commits_within: [u64; COMMIT_MS.len()],
    /// Events by kind and, for hits, by class.
    pub events: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    /// Counts a commit.
    pub(super) fn commit(&mut self, jobs: usize, took: Duration, events: &[Event]) {
        self.commits += 1;
        self.jobs += jobs as u64;
        self.commit_time += took;
        for (bound, count) in COMMIT_MS.iter().zip(&mut self.commits_within) {
            *count += u64::from(took <= Duration::from_millis(*bound));
        }
        for event in events {
            let (class, count) = match &event.fact {
                Fact::Opened(hit) | Fact::Clicked(hit) => (hit.class.as_str(), hit.count),
                _ => ("", 1),
            };
            *self.events.entry((event.fact.kind().as_str(), class)).or_default() += u64::from(count);
        }
    }
}
