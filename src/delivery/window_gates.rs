//! How the window keeps the rest of a campaign waiting for its first deliveries at a site.

use std::collections::HashSet;
use std::sync::Arc;

use super::Window;
use crate::domain::canary::CanaryState;
use crate::domain::{CampaignId, Domain, Timestamp};
use crate::store::Due;

impl Window {
    /// The next delivery of a domain with all that may share its transaction, without what has to wait.
    pub(super) fn take(&mut self, domain: &Domain, site: &Arc<str>) -> Vec<Due> {
        self.drop_shut(domain, site);
        let front = self.entries.get(domain).and_then(|entry| entry.loaded.front());
        let Some(campaign) = front.map(|due| due.campaign) else { return Vec::new() };
        let (mut room, gates) = (self.gates.room(site, campaign), &self.gates);
        let dues = self.entries.take_together(domain, |due| {
            let goes = room > 0 || !gates.concerns(due);
            room -= usize::from(goes && gates.concerns(due));
            goes
        });
        self.gates.begin(site, &dues);
        dues
    }

    /// Drops what is loaded of a domain and has to wait, where its next one does.
    fn drop_shut(&mut self, domain: &Domain, site: &Arc<str>) {
        let front = self.entries.get(domain).and_then(|entry| entry.loaded.front());
        if front.is_some_and(|due| self.gates.shuts(due, Some(site))) {
            self.entries.unload_of(domain, |due, site| self.gates.shuts(due, site));
            self.miss_shut(domain, site);
        }
    }

    /// Whatever waits at the site may have some for this domain.
    fn miss_shut(&mut self, domain: &Domain, site: &Arc<str>) -> HashSet<CampaignId> {
        let shut = self.gates.shut_at(site);
        shut.iter().for_each(|campaign| self.gates.miss(site, *campaign, domain));
        shut
    }

    /// Campaigns that have to wait at a domain: a read leaves out what was never tried of them.
    pub fn shut_to(&mut self, domain: &Domain) -> HashSet<CampaignId> {
        let site = self.entries.get(domain).and_then(|entry| entry.site.clone());
        site.map(|site| self.miss_shut(domain, &site)).unwrap_or_default()
    }

    /// The site that a delivery under way is one of the first at, if it is.
    pub fn first_at(&self, due: &Due) -> Option<Arc<str>> {
        self.flights.site_of(due.delivery).filter(|site| self.gates.counts(site, due))
    }

    /// How a campaign stands at a site, as the store says.
    pub fn learn_stand(&mut self, campaign: CampaignId, site: &str, state: CanaryState, tried: u32, now: Timestamp) {
        let free = self.gates.learn(&Arc::from(site), campaign, state, tried);
        self.wake(free, now);
    }

    /// The rest of a campaign is let go.
    pub fn release_rest(&mut self, campaign: CampaignId, now: Timestamp) {
        let free = self.gates.release(campaign);
        self.wake(free, now);
    }

    /// A campaign begins anew at a site.
    pub fn forget_stand(&mut self, campaign: CampaignId, site: &str) {
        self.gates.forget(site, campaign);
    }

    /// Looks where something may wait that need not any more.
    pub fn stir(&mut self, now: Timestamp) {
        let free = self.gates.stir();
        self.wake(free, now);
    }
}
