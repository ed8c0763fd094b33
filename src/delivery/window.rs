//! Which delivery is next: a bounded window over an unbounded backlog.
//!
//! Pure. In memory stand one head per destination domain and at most 200 loaded deliveries of a domain, refilled from the
//! queue when a domain is ready, in round robin: a domain with fifty thousand waiting mails costs another one nothing.
//! A domain's first delivery waits until the site that it shares limits with was looked for, so that those limits hold from
//! the start. Only a few domains are read at a time, and once much is loaded a domain is read one delivery at a time: a
//! million waiting mails take no more memory than that.
//!
//! Deliveries of a message whose copies are all the same bytes leave together, with those of other domains of their site,
//! as one transaction: it takes one permit.
//!
//! A paused domain is passed over, and so is each that is found to belong to a paused site; deliveries of a paused campaign are dropped here and left out by the reads, and both
//! come back when they are released.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::entries::Entries;
use super::entry::{Entry, Place};
use super::flights::{Flights, Left};
use super::gates::Gates;
use super::pace::Permit;
use super::providers::Providers;
use super::sites::Sites;
use super::timers::Timers;
use super::withheld::Withheld;
use crate::domain::{CampaignId, DeliveryId, Domain, Timestamp, priority};
use crate::store::{Due, Head, Refill};

/// Deliveries of one domain and lane that are read at once.
pub const LOADED_MAX: usize = 200;
/// Deliveries of one campaign that are loaded at their acceptance while others of their domain wait to be read.
const AHEAD_MAX: usize = 20;
/// With more than this loaded, no domain is read for more than it is sure to send.
const LOADED_IN_ALL: usize = 20_000;
/// Domains that are read at one time.
const READS_MAX: usize = 4;

/// How many transactions may be under way.
#[derive(Debug, Clone)]
pub struct Limits {
    /// To each site, and how fast they may begin.
    pub sites: Arc<Providers>,
    /// To all.
    pub in_all: usize,
    /// How many of a campaign go first at a site; 0: there is no waiting for them.
    pub first: u32,
}

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Make an attempt of these, which may share a transaction; [`Window::settled`] must follow for each.
    Deliver(Vec<Due>),
    /// Read this many due deliveries of the domain, or more, beside [`Window::under_way_to`]; [`Window::refilled`] must
    /// follow.
    Refill(Domain, usize),
    /// Look for the domain's site; [`Window::located`] must follow.
    Locate(Domain),
    /// Nothing until then (or until something changes).
    Wait(Option<Timestamp>),
}

/// The window.
pub struct Window {
    in_all: usize,
    entries: Entries,
    sites: Sites,
    ring: VecDeque<Domain>,
    timers: Timers,
    flights: Flights,
    /// Domains whose site is being looked for.
    locating: usize,
    withheld: Withheld,
    gates: Gates,
    reading: HashSet<Domain>,
    hungry: VecDeque<Domain>,
    /// The last commit that a read may have seen.
    read_through: u64,
}

impl Window {
    /// With what waits in the queue.
    pub fn new(limits: Limits, heads: Vec<Head>) -> Self {
        let mut window = Self {
            in_all: limits.in_all,
            entries: Entries::default(),
            sites: Sites::new(limits.sites),
            ring: VecDeque::new(),
            timers: Timers::default(),
            flights: Flights::default(),
            locating: 0,
            withheld: Withheld::default(),
            gates: Gates::new(limits.first),
            reading: HashSet::new(),
            hungry: VecDeque::new(),
            read_through: 0,
        };
        for head in heads {
            window.entry(&head.domain).later = Some(head.next_at);
            window.timers.set(&head.domain, head.next_at);
        }
        window
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> usize {
        self.flights.deliveries()
    }

    /// Transactions and look-ups under way.
    pub fn under_way(&self) -> usize {
        self.flights.count() + self.locating
    }

    /// Takes a delivery that was just accepted. Where a read may have seen it already (and it may even be settled by
    /// now), it is left to the next read.
    pub fn accepted(&mut self, due: Due, now: Timestamp) {
        let domain = due.address.domain().clone();
        let site = self.entries.get(&domain).map_or_else(|| self.sites.of(&domain), |entry| entry.site.clone());
        if self.withheld.covers(&due, site.as_ref()) {
            self.withheld.miss(domain);
            return;
        }
        if let Some(site) = site.filter(|site| self.gates.shuts(&due, Some(site))) {
            self.gates.miss(&site, due.campaign, &domain);
            return;
        }
        let (unseen, room) = (due.commit > self.read_through, self.entries.loaded() < LOADED_IN_ALL);
        let entry = self.entry(&domain);
        // What others wait for, or what was not read yet, holds up no campaign that is new here.
        let few = room && entry.loaded.count_of(due.lane, due.campaign) < AHEAD_MAX;
        let plain = !entry.more && entry.place != Place::Refilling && entry.loaded.len() < LOADED_MAX;
        if due.next_at > now {
            entry.due_at(due.next_at);
        } else if unseen && (plain || few) {
            let before = entry.rank();
            self.entries.load(due);
            self.raise(&domain, before);
        } else {
            entry.more = true;
        }
        self.place(&domain, now);
    }

    /// Reads these domains: something may be due that was not, or was left out.
    pub fn wake(&mut self, domains: impl IntoIterator<Item = Domain>, now: Timestamp) {
        for domain in domains {
            self.entry(&domain).more = true;
            self.place(&domain, now);
        }
    }

    /// What to do next.
    pub fn next(&mut self, now: Timestamp) -> Step {
        self.sites.unbar().into_iter().for_each(|domain| self.ring_again(Some(domain)));
        self.next_but(now, |_| false)
    }

    /// The same, without what goes to these sites: that waits for the next [`Window::next`].
    pub fn next_but(&mut self, now: Timestamp, barred: impl Fn(&str) -> bool) -> Step {
        if self.withheld.is_everything() {
            return Step::Wait(None);
        }
        while let Some(domain) = self.timers.pop(now) {
            self.place(&domain, now);
        }
        while let Some(site) = self.sites.wake(now) {
            self.unpark(&site, now);
        }
        while self.under_way() < self.in_all {
            self.feed();
            let Some(domain) = self.ring.pop_front() else { break };
            let Some(entry) = self.entries.get_mut(&domain) else { continue };
            let (site, lost) = (entry.site_or(&domain), entry.is_lost());
            if self.withheld.is_domain(&domain, entry.site.as_ref()) {
                entry.place = Place::Idle;
                // It leaves its turn to another domain of its site.
                self.unpark(&site, now);
                continue;
            }
            let barred = !lost && barred(&site);
            let permit = if lost { Permit::Now } else { self.sites.permit(&site, now) };
            if barred || permit != Permit::Now {
                entry.place = Place::Parked;
                self.sites.park(&site, domain, entry.rank(), permit, now);
                if barred {
                    self.sites.bar(&site);
                }
                continue;
            }
            entry.place = Place::Idle;
            let dues = if lost { Vec::new() } else { self.take(&domain, &site) };
            if !dues.is_empty() {
                self.sites.begin(&site, now);
                self.unpark(&site, now);
                self.flights.begin(&dues, site);
                dues.iter().for_each(|due| self.place(due.address.domain(), now));
                return Step::Deliver(dues);
            }
            // It leaves its permit to another domain of its site.
            self.unpark(&site, now);
            let Some(entry) = self.entries.get_mut(&domain) else { continue };
            if lost {
                entry.place = Place::Locating;
                self.locating += 1;
                return Step::Locate(domain);
            }
            if !entry.more {
                // What it had has left with another domain's.
                self.place(&domain, now);
                continue;
            }
            if self.reading.len() >= READS_MAX {
                entry.place = Place::Hungry;
                self.hungry.push_back(domain);
                continue;
            }
            return self.read(domain);
        }
        let wake = self.sites.next_wake().filter(|_| self.under_way() < self.in_all);
        Step::Wait([self.timers.next(), wake].into_iter().flatten().min())
    }

    fn read(&mut self, domain: Domain) -> Step {
        let room = if self.entries.loaded() < LOADED_IN_ALL { LOADED_MAX } else { 1 };
        let entry = self.entry(&domain);
        // From here on these two gather what the read may have missed.
        (entry.more, entry.later) = (false, None);
        entry.settled_meanwhile.clear();
        entry.place = Place::Refilling;
        self.reading.insert(domain.clone());
        Step::Refill(domain, room)
    }

    /// What is under way to a domain: a read leaves it out.
    pub fn under_way_to(&self, domain: &Domain) -> HashSet<DeliveryId> {
        self.entries.get(domain).map(|entry| entry.under_way.clone()).unwrap_or_default()
    }

    /// The answer to [`Step::Refill`].
    pub fn refilled(&mut self, domain: &Domain, read: Refill, now: Timestamp) {
        self.read_through = self.read_through.max(read.through);
        self.reading.remove(domain);
        let Some(entry) = self.entries.get_mut(domain) else { return };
        entry.place = Place::Idle;
        let settled = std::mem::take(&mut entry.settled_meanwhile);
        if std::mem::take(&mut entry.stale) {
            entry.more = true;
            self.place(domain, now);
            return;
        }
        let known: HashSet<_> = entry.loaded.iter().map(|d| d.delivery).chain(settled).collect();
        let site = entry.site.clone();
        for due in read.due {
            if known.contains(&due.delivery) || self.flights.holds(due.delivery) {
                continue;
            }
            if self.withheld.covers(&due, site.as_ref()) {
                self.withheld.miss(domain.clone());
                continue;
            }
            if let Some(site) = site.as_ref().filter(|site| self.gates.shuts(&due, Some(site))) {
                self.gates.miss(site, due.campaign, domain);
                continue;
            }
            self.entries.load(due);
        }
        let entry = self.entry(domain);
        entry.more |= read.more;
        entry.later = [entry.later, read.later].into_iter().flatten().min();
        self.place(domain, now);
    }

    /// A read failed: try again at `at`.
    pub fn refill_failed(&mut self, domain: &Domain, at: Timestamp) {
        self.reading.remove(domain);
        if let Some(entry) = self.entries.get_mut(domain) {
            entry.place = Place::Idle;
            entry.stale = false;
            entry.later = Some(at);
        }
        self.timers.set(domain, at);
    }

    /// An attempt ended and is written down: `again` is when it is due next, `None` when it left the queue.
    pub fn settled(&mut self, due: &Due, again: Option<Timestamp>, now: Timestamp) {
        let domain = due.address.domain();
        let site = self.flights.site_of(due.delivery);
        match self.flights.end(due.delivery) {
            Left::Nothing => return,
            Left::Others => {}
            Left::Nobody(site) => {
                self.sites.end(&site);
                self.unpark(&site, now);
            }
        }
        let free = site.map(|site| self.gates.end(&site, due.campaign, due.delivery));
        let Some(entry) = self.entries.get_mut(domain) else { return };
        entry.under_way.remove(&due.delivery);
        if entry.place == Place::Refilling {
            entry.settled_meanwhile.push(due.delivery);
        }
        if let Some(at) = again {
            entry.due_at(at);
        }
        self.place(domain, now);
        if let Some(at) = again {
            self.timers.set(domain, at);
        }
        self.wake(free.into_iter().flatten(), now);
    }

    /// A domain whose next one has become a better one waits among those like it.
    fn raise(&mut self, domain: &Domain, before: (u8, CampaignId)) {
        let Some(entry) = self.entries.get_mut(domain) else { return };
        if entry.place == Place::Parked && priority::kind_of(entry.rank().0) < priority::kind_of(before.0) {
            let site = entry.site_or(domain);
            self.sites.leave(&site, domain);
            self.ring_again(Some(domain.clone()));
        }
    }

    fn entry(&mut self, domain: &Domain) -> &mut Entry {
        self.entries.of(domain, || self.sites.of(domain))
    }

    /// Puts an idle domain where it belongs. One that is withheld stays idle, with all it knows.
    fn place(&mut self, domain: &Domain, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(domain) else { return };
        if entry.place != Place::Idle || self.withheld.is_domain(domain, entry.site.as_ref()) {
            return;
        }
        let due = entry.later.is_some_and(|at| at <= now);
        if due {
            entry.later = None;
            entry.more = true;
        }
        if !entry.loaded.is_empty() || entry.more {
            entry.place = Place::Ring;
            self.ring.push_back(domain.clone());
        } else if let Some(at) = entry.later {
            self.timers.set(domain, at);
        } else if entry.under_way.is_empty() {
            self.entries.remove(domain);
            self.timers.forget(domain);
        }
    }

    /// While another domain may be read, one that waits for that is in the ring again.
    fn feed(&mut self) {
        if self.reading.len() < READS_MAX {
            let next = self.hungry.pop_front();
            self.ring_again(next);
        }
    }

    /// One of the domains that wait for a permit of this site is in the ring again, where there is one.
    fn unpark(&mut self, site: &Arc<str>, now: Timestamp) {
        let next = self.sites.unpark(site, now);
        self.ring_again(next);
    }

    fn ring_again(&mut self, domain: Option<Domain>) {
        let Some(domain) = domain else { return };
        self.entry(&domain).place = Place::Ring;
        self.ring.push_back(domain);
    }
}

#[cfg(test)]
#[path = "window_gates_tests.rs"]
mod gates_tests;
#[path = "window_gates.rs"]
mod of_gates;
#[path = "window_sites.rs"]
mod of_sites;
#[path = "window_orders.rs"]
mod orders;
#[cfg(test)]
#[path = "window_site_tests.rs"]
mod site_tests;
#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "window_trial.rs"]
mod trial;
