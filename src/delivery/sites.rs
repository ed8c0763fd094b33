//! What shares limits: which site a domain belongs to, how much is under way to each site, and who waits for it.
//!
//! Pure. An attempt is counted at the site that it began for, also when its domain moves to another meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::Domain;

/// Domains whose site is remembered; when there are more, all are forgotten and found anew.
const KNOWN_MAX: usize = 50_000;

#[derive(Default)]
struct Load {
    in_flight: usize,
    parked: VecDeque<Domain>,
    /// Whether some of them wait for a word.
    barred: bool,
}

/// The sites.
#[derive(Default)]
pub(super) struct Sites {
    known: HashMap<Domain, Arc<str>>,
    loads: HashMap<Arc<str>, Load>,
    /// Sites whose parked domains wait for a word and not for a permit, in their order.
    barred: Vec<Arc<str>>,
}

impl Sites {
    /// The site of a domain, as far as it is known.
    pub(super) fn of(&self, domain: &Domain) -> Option<Arc<str>> {
        self.known.get(domain).cloned()
    }

    pub(super) fn learn(&mut self, domain: &Domain, site: &Arc<str>) {
        if self.known.get(domain).is_some_and(|known| known == site) {
            return;
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(domain.clone(), Arc::clone(site));
    }

    /// Whether this many are under way to it.
    pub(super) fn is_full(&self, site: &str, limit: usize) -> bool {
        self.loads.get(site).is_some_and(|load| load.in_flight >= limit)
    }

    pub(super) fn begin(&mut self, site: &Arc<str>) {
        self.loads.entry(Arc::clone(site)).or_default().in_flight += 1;
    }

    pub(super) fn end(&mut self, site: &str) {
        if let Some(load) = self.loads.get_mut(site) {
            load.in_flight = load.in_flight.saturating_sub(1);
        }
        self.tidy(site);
    }

    /// Has a domain wait until an attempt to the site ends, or for [`Sites::unbar`].
    pub(super) fn park(&mut self, site: Arc<str>, domain: Domain, barred: bool) {
        let load = self.loads.entry(Arc::clone(&site)).or_default();
        load.parked.push_back(domain);
        if barred && !std::mem::replace(&mut load.barred, true) {
            self.barred.push(site);
        }
    }

    /// The one that has waited longest.
    pub(super) fn unpark(&mut self, site: &str) -> Option<Domain> {
        let domain = self.loads.get_mut(site)?.parked.pop_front();
        self.tidy(site);
        domain
    }

    /// A domain waits there no more.
    pub(super) fn leave(&mut self, site: &str, domain: &Domain) {
        if let Some(load) = self.loads.get_mut(site) {
            load.parked.retain(|parked| parked != domain);
        }
        self.tidy(site);
    }

    /// All that wait at barred sites.
    pub(super) fn unbar(&mut self) -> Vec<Domain> {
        let mut free = Vec::new();
        for site in std::mem::take(&mut self.barred) {
            let Some(load) = self.loads.get_mut(&site) else { continue };
            load.barred = false;
            free.extend(std::mem::take(&mut load.parked));
            self.tidy(&site);
        }
        free
    }

    fn tidy(&mut self, site: &str) {
        if self.loads.get(site).is_some_and(|load| load.in_flight == 0 && load.parked.is_empty()) {
            self.loads.remove(site);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_sites_are_remembered_than_set() {
        let mut sites = Sites::default();
        for n in 0..=KNOWN_MAX {
            sites.learn(&Domain::parse(&format!("d{n}.example")).unwrap(), &Arc::from("mx.example"));
            assert!(sites.known.len() <= KNOWN_MAX);
        }
        assert!(sites.of(&Domain::parse(&format!("d{KNOWN_MAX}.example")).unwrap()).is_some());
    }
}
