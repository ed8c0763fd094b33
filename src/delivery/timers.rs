//! When which domain is to be looked at again: one timer each, the earliest that was set.
//!
//! Pure. A domain that is woken for nothing costs nothing but the look.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{Domain, Timestamp};

/// The timers.
#[derive(Default)]
pub(super) struct Timers {
    in_order: BTreeSet<(Timestamp, Domain)>,
    of: HashMap<Domain, Timestamp>,
}

impl Timers {
    /// How many are set.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.in_order.len()
    }

    /// When the next one goes off.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.in_order.first().map(|(at, _)| *at)
    }

    pub(super) fn set(&mut self, domain: &Domain, at: Timestamp) {
        if self.of.get(domain).is_some_and(|set| *set <= at) {
            return;
        }
        self.forget(domain);
        self.of.insert(domain.clone(), at);
        self.in_order.insert((at, domain.clone()));
    }

    /// A domain whose time has come.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Domain> {
        self.next().filter(|at| *at <= now)?;
        let (_, domain) = self.in_order.pop_first()?;
        self.of.remove(&domain);
        Some(domain)
    }

    pub(super) fn forget(&mut self, domain: &Domain) {
        if let Some(at) = self.of.remove(domain) {
            self.in_order.remove(&(at, domain.clone()));
        }
    }
}
