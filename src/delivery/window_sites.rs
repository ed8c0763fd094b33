//! What the window is told of sites, and tells of them.

use std::sync::Arc;

use super::super::alike::Likeness;
use super::super::attempted::Speed;
use super::super::entry::Place;
use super::super::pace::Word;
use super::Window;
use crate::domain::{DeliveryId, Domain, SiteState, Timestamp};

impl Window {
    /// The answer to [`Step::Locate`]; `None` when nobody could be asked: then it is asked again.
    pub fn located(&mut self, domain: &Domain, found: Option<&str>, now: Timestamp) {
        self.locating = self.locating.saturating_sub(1);
        if let Some(name) = found {
            self.learn_site(domain, name, now);
        }
        let entry = self.entry(domain);
        entry.place = Place::Ring;
        // Its turn was only put off; but what may share a transaction lets the others' sites be looked for first.
        if entry.loaded.front().and_then(Likeness::of).is_some() {
            self.ring.push_back(domain.clone());
        } else {
            self.ring.push_front(domain.clone());
        }
    }

    /// The site that a domain turned out to share limits with; whether that is news. What is under way stays counted where
    /// it began.
    pub fn learn_site(&mut self, domain: &Domain, name: &str, now: Timestamp) -> bool {
        let site = Arc::from(name);
        let news = self.sites.learn(domain, &site);
        let Some(entry) = self.entries.get_mut(domain).filter(|entry| entry.site.as_ref() != Some(&site)) else {
            return news;
        };
        let (old, parked) = (entry.site_or(domain), entry.place == Place::Parked);
        self.entries.move_to(domain, &site);
        if self.entries.unload_of(domain, |due, site| self.withheld.covers(due, site)) {
            self.withheld.miss(domain.clone());
        }
        if parked {
            self.sites.leave(&old, domain);
            self.ring_again(Some(domain.clone()));
        }
        // It may have been about to use a permit there, or have waited because all of that site does.
        self.unpark(&old, now);
        self.place(domain, now);
        news
    }

    /// What an attempt that began at `begun` says of the pace of the site that it was made to.
    pub(in crate::delivery) fn hear(
        &mut self,
        delivery: DeliveryId,
        word: Word,
        told: &str,
        begun: Timestamp,
        now: Timestamp,
    ) {
        if let Some(site) = self.flights.site_of(delivery) {
            self.sites.hear(&site, word, told, begun, now);
        }
    }

    /// How fast the site may be approached that a delivery is under way to.
    pub fn speed(&self, delivery: DeliveryId) -> Option<Speed> {
        self.flights.site_of(delivery).and_then(|site| self.sites.speed(&site))
    }

    /// How the sites stand.
    pub fn sites(&self, now: Timestamp) -> Vec<SiteState> {
        self.sites.states(now)
    }
}
