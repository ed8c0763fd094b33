//! All destination domains that the window knows, and what is loaded of them.
//!
//! Pure. Every way of loading and taking a delivery goes through here, so that what is alike is found.

use std::collections::HashMap;
use std::sync::Arc;

use super::alike::{Alike, Likeness};
use super::entry::Entry;
use crate::domain::Domain;
use crate::store::Due;

/// Deliveries that may share a transaction.
const TOGETHER_MAX: usize = 50;

#[derive(Default)]
pub(super) struct Entries {
    of: HashMap<Domain, Entry>,
    alike: Alike,
    /// How many are loaded, over all domains.
    loaded: usize,
}

impl Entries {
    pub(super) fn get(&self, domain: &Domain) -> Option<&Entry> {
        self.of.get(domain)
    }

    pub(super) fn get_mut(&mut self, domain: &Domain) -> Option<&mut Entry> {
        self.of.get_mut(domain)
    }

    /// The entry of a domain; `site` says where a new one counts.
    pub(super) fn of(&mut self, domain: &Domain, site: impl FnOnce() -> Option<Arc<str>>) -> &mut Entry {
        self.of.entry(domain.clone()).or_insert_with(|| Entry::new(site()))
    }

    pub(super) fn remove(&mut self, domain: &Domain) {
        if let Some(entry) = self.of.remove(domain) {
            entry.loaded.iter().for_each(|due| self.alike.remove(entry.site.as_ref(), due));
            self.loaded -= entry.loaded.len();
        }
    }

    /// The domains that are known to go to this site.
    pub(super) fn at(&self, site: &str) -> Vec<Domain> {
        let at_it = |(_, entry): &(&Domain, &Entry)| entry.site.as_deref() == Some(site);
        self.of.iter().filter(at_it).map(|(domain, _)| domain.clone()).collect()
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.of.keys()
    }

    /// How many are loaded, over all domains.
    pub(super) fn loaded(&self) -> usize {
        self.loaded
    }

    /// Loads a delivery of a domain that has an entry.
    pub(super) fn load(&mut self, due: Due) {
        let Some(entry) = self.of.get_mut(due.address.domain()) else { return };
        self.alike.add(entry.site.as_ref(), &due);
        entry.loaded.push(due.lane, due.campaign, due);
        self.loaded += 1;
    }

    /// Drops what is loaded and must not be; gives the domains that had such.
    pub(super) fn unload(&mut self, covers: impl Fn(&Due, Option<&Arc<str>>) -> bool) -> Vec<Domain> {
        let domains: Vec<Domain> = self.of.keys().cloned().collect();
        domains.into_iter().filter(|domain| self.unload_of(domain, &covers)).collect()
    }

    /// The same for one domain: whether it had such.
    pub(super) fn unload_of(&mut self, domain: &Domain, covers: impl Fn(&Due, Option<&Arc<str>>) -> bool) -> bool {
        let Some(entry) = self.of.get_mut(domain) else { return false };
        let before = entry.loaded.len();
        entry.loaded.retain(|due| {
            let stays = !covers(due, entry.site.as_ref());
            if !stays {
                self.alike.remove(entry.site.as_ref(), due);
            }
            stays
        });
        let dropped = before - entry.loaded.len();
        self.loaded -= dropped;
        dropped > 0
    }

    /// The next delivery of a domain with all that may share its transaction: its own domain's first, then those of other
    /// domains that are known to go to the same site. `may` is asked of each in its turn, and has to let the next one go.
    pub(super) fn take_together(&mut self, domain: &Domain, mut may: impl FnMut(&Due) -> bool) -> Vec<Due> {
        let Some(entry) = self.of.get_mut(domain) else { return Vec::new() };
        let (first, site) = (entry.loaded.front().and_then(Likeness::of), entry.site.clone());
        let Some((likeness, site)) = first.zip(site) else {
            return self.take(domain, |entry| entry.loaded.pop().filter(&mut may));
        };
        // The next one itself, which ends its campaign's turn, and its like.
        let mut taken = self.take(domain, |entry| entry.loaded.pop().filter(&mut may));
        let room = TOGETHER_MAX - taken.len();
        taken.extend(self.take(domain, |entry| entry.take_like(likeness, room, &mut may)));
        // Each of them brings one at least, or has to wait with the rest.
        let others = self.alike.domains(&site, likeness).filter(|other| *other != domain);
        let others: Vec<Domain> = others.take(TOGETHER_MAX - taken.len()).cloned().collect();
        for other in others {
            let room = TOGETHER_MAX - taken.len();
            taken.extend(self.take(&other, |entry| entry.take_like(likeness, room, &mut may)));
        }
        taken
    }

    fn take<T: IntoIterator<Item = Due>>(&mut self, domain: &Domain, from: impl FnOnce(&mut Entry) -> T) -> Vec<Due> {
        let Some(entry) = self.of.get_mut(domain) else { return Vec::new() };
        let taken: Vec<Due> = from(entry).into_iter().collect();
        taken.iter().for_each(|due| self.alike.remove(entry.site.as_ref(), due));
        entry.under_way.extend(taken.iter().map(|due| due.delivery));
        self.loaded -= taken.len();
        taken
    }

    /// The domain goes to this site.
    pub(super) fn move_to(&mut self, domain: &Domain, site: &Arc<str>) {
        let Some(entry) = self.of.get_mut(domain) else { return };
        let former = entry.site.replace(Arc::clone(site));
        for due in entry.loaded.iter() {
            self.alike.remove(former.as_ref(), due);
            self.alike.add(Some(site), due);
        }
    }

    /// What is loaded, counted anew.
    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let mut alike = Alike::default();
        let all = self.of.values().flat_map(|entry| entry.loaded.iter().map(move |due| (entry, due)));
        let loaded = all.map(|(entry, due)| alike.add(entry.site.as_ref(), due)).count();
        self.loaded == loaded && self.alike == alike
    }
}
