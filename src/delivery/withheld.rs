//! What must not be started now: what is paused, and what is being cancelled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::{Domain, Selection, Site};
use crate::store::Due;

/// Parts of the queue that are held back, each as often as it was withheld: a pause and a cancellation may meet.
#[derive(Default)]
pub(super) struct Withheld {
    times: HashMap<Selection, usize>,
    /// Domains with deliveries that were due and passed over; they are read again when something is released.
    missed: HashSet<Domain>,
}

impl Withheld {
    pub(super) fn add(&mut self, selection: Selection) {
        *self.times.entry(selection).or_default() += 1;
    }

    pub(super) fn remove(&mut self, selection: &Selection) {
        if let Some(times) = self.times.get_mut(selection) {
            *times -= 1;
            if *times == 0 {
                self.times.remove(selection);
            }
        }
    }

    /// Whether nothing at all may start.
    pub(super) fn is_everything(&self) -> bool {
        self.times.contains_key(&Selection::All)
    }

    /// Whether nothing for this domain may start, which belongs to that site, as far as it is known.
    pub(super) fn is_domain(&self, domain: &Domain, site: Option<&Arc<str>>) -> bool {
        !self.times.is_empty()
            && (self.times.contains_key(&Selection::Domain(domain.clone())) || site.is_some_and(|s| self.is_site(s)))
    }

    /// Whether nothing for this site may start.
    pub(super) fn is_site(&self, site: &Arc<str>) -> bool {
        !self.times.is_empty() && self.times.contains_key(&Selection::Site(Site::named(site)))
    }

    /// Whether this one may not start, whose domain belongs to that site, as far as it is known.
    pub(super) fn covers(&self, due: &Due, site: Option<&Arc<str>>) -> bool {
        let has = |selection| self.times.contains_key(&selection);
        !self.times.is_empty()
            && (has(Selection::All)
                || has(Selection::Campaign(due.campaign))
                || has(Selection::Message(due.message))
                || has(Selection::Delivery(due.delivery))
                || self.is_domain(due.address.domain(), site))
    }

    pub(super) fn miss(&mut self, domain: Domain) {
        self.missed.insert(domain);
    }

    pub(super) fn take_missed(&mut self) -> HashSet<Domain> {
        std::mem::take(&mut self.missed)
    }
}
