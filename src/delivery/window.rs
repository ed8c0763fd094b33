//! Which delivery is next: a bounded window over an unbounded backlog.
//!
//! Pure. In memory stand one head per destination domain and at most 200 loaded deliveries of a domain, refilled from the
//! queue when a domain is ready, in round robin: a domain with fifty thousand waiting mails costs another one nothing.
//! A domain's first delivery waits until the site that it shares limits with was looked for, so that those limits hold from
//! the start. Only a few domains are read at a time, and once much is loaded a domain is read one delivery at a time: a
//! million waiting mails take no more memory than that.
//!
//! A paused domain is passed over, deliveries of a paused campaign are dropped here and left out by the reads, and both
//! come back when they are released.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::entry::{Entry, Place};
use super::sites::Sites;
use super::withheld::Withheld;
use crate::domain::{DeliveryId, Domain, Selection, Timestamp};
use crate::store::{Due, Head, Refill};

/// Deliveries of one domain and lane that are read at once.
pub const LOADED_MAX: usize = 200;
/// With more than this loaded, no domain is read for more than it is sure to send.
const LOADED_IN_ALL: usize = 20_000;
/// Domains that are read at one time.
const READS_MAX: usize = 4;

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To one site.
    pub per_site: usize,
    /// To all.
    pub in_all: usize,
}

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Make an attempt; [`Window::settled`] must follow.
    Deliver(Box<Due>),
    /// Read this many due deliveries of the domain; [`Window::refilled`] must follow.
    Refill(Domain, usize),
    /// Look for the domain's site; [`Window::located`] must follow.
    Locate(Domain),
    /// Nothing until then (or until something changes).
    Wait(Option<Timestamp>),
}

/// The window.
pub struct Window {
    limits: Limits,
    entries: HashMap<Domain, Entry>,
    sites: Sites,
    ring: VecDeque<Domain>,
    /// One a domain.
    timers: BTreeSet<(Timestamp, Domain)>,
    /// Each with the site that it counts at.
    in_flight: HashMap<DeliveryId, Arc<str>>,
    /// Domains whose site is being looked for.
    locating: usize,
    withheld: Withheld,
    /// How many are loaded, over all domains.
    loaded: usize,
    reading: HashSet<Domain>,
    hungry: VecDeque<Domain>,
    /// The last commit that a read may have seen.
    read_through: u64,
}

impl Window {
    /// With what waits in the queue.
    pub fn new(limits: Limits, heads: Vec<Head>) -> Self {
        let mut window = Self {
            limits,
            entries: HashMap::new(),
            sites: Sites::default(),
            ring: VecDeque::new(),
            timers: BTreeSet::new(),
            in_flight: HashMap::new(),
            locating: 0,
            withheld: Withheld::default(),
            loaded: 0,
            reading: HashSet::new(),
            hungry: VecDeque::new(),
            read_through: 0,
        };
        for head in heads {
            window.entry(&head.domain).later = Some(head.next_at);
            window.wake_at(&head.domain, head.next_at);
        }
        window
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Attempts and look-ups under way.
    pub fn under_way(&self) -> usize {
        self.in_flight.len() + self.locating
    }

    /// Takes a delivery that was just accepted. Where a read may have seen it already (and it may even be settled by
    /// now), it is left to the next read.
    pub fn accepted(&mut self, due: Due, now: Timestamp) {
        let domain = due.address.domain().clone();
        if self.withheld.covers(&due) {
            self.withheld.miss(domain);
            return;
        }
        let unseen = due.commit > self.read_through;
        let entry = self.entry(&domain);
        if due.next_at > now {
            entry.due_at(due.next_at);
        } else if unseen && !entry.more && entry.place != Place::Refilling && entry.loaded.len() < LOADED_MAX {
            entry.loaded.push_back(due);
            self.loaded += 1;
        } else {
            entry.more = true;
        }
        self.place(&domain, now);
    }

    /// Starts nothing of this part of the queue until it is released; what is under way goes on.
    pub fn withhold(&mut self, selection: Selection) {
        self.withheld.add(selection);
        for (domain, entry) in &mut self.entries {
            let before = entry.loaded.len();
            entry.loaded.retain(|due| !self.withheld.covers(due));
            if entry.loaded.len() < before {
                self.loaded -= before - entry.loaded.len();
                self.withheld.miss(domain.clone());
            }
        }
    }

    /// The end of [`Window::withhold`], by whoever withheld.
    pub fn release(&mut self, selection: &Selection, now: Timestamp) {
        self.withheld.remove(selection);
        let missed = self.withheld.take_missed();
        self.wake(missed, now);
        if let Selection::Domain(domain) = selection {
            self.place(domain, now);
        }
    }

    /// The end of [`Window::withhold`] after the part was taken out of the queue, as far as it was accepted by the commit
    /// `through`: what a read under way brings, and what is only heard of now, may be of it.
    pub fn cancelled(&mut self, selection: &Selection, through: u64, now: Timestamp) {
        self.read_through = self.read_through.max(through);
        for domain in &self.reading {
            if let Some(entry) = self.entries.get_mut(domain) {
                entry.stale = true;
            }
        }
        self.release(selection, now);
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
        self.fire_timers(now);
        while self.under_way() < self.limits.in_all {
            self.feed();
            let Some(domain) = self.ring.pop_front() else { break };
            let withheld = self.withheld.is_domain(&domain);
            let Some(entry) = self.entries.get_mut(&domain) else { continue };
            let (site, lost) = (entry.site_or(&domain), entry.is_lost());
            let barred = !lost && barred(&site);
            if barred || self.sites.is_full(&site, self.limits.per_site) {
                entry.place = Place::Parked;
                self.sites.park(site, domain, barred);
                continue;
            }
            entry.place = Place::Idle;
            if let Some(due) = entry.loaded.pop_front_if(|_| !withheld && !lost) {
                self.loaded -= 1;
                entry.in_flight += 1;
                self.sites.begin(&site);
                self.in_flight.insert(due.delivery, site);
                self.place(&domain, now);
                return Step::Deliver(Box::new(due));
            }
            // It leaves its permit to another domain of its site.
            self.unpark(&site);
            let Some(entry) = self.entries.get_mut(&domain).filter(|_| !withheld) else { continue };
            if lost {
                entry.place = Place::Locating;
                self.locating += 1;
                return Step::Locate(domain);
            }
            if self.reading.len() >= READS_MAX {
                entry.place = Place::Hungry;
                self.hungry.push_back(domain);
                continue;
            }
            return self.read(domain);
        }
        Step::Wait(self.timers.first().map(|(at, _)| *at))
    }

    fn read(&mut self, domain: Domain) -> Step {
        let room = if self.loaded < LOADED_IN_ALL { LOADED_MAX } else { 1 };
        let entry = self.entry(&domain);
        // From here on these two gather what the read may have missed.
        (entry.more, entry.later) = (false, None);
        entry.settled_meanwhile.clear();
        entry.place = Place::Refilling;
        let asked = room + entry.in_flight;
        self.reading.insert(domain.clone());
        Step::Refill(domain, asked)
    }

    /// The answer to [`Step::Locate`]; `None` when nobody could be asked: then it is asked again.
    pub fn located(&mut self, domain: &Domain, found: Option<&str>) {
        self.locating = self.locating.saturating_sub(1);
        if let Some(name) = found {
            self.learn_site(domain, name);
        }
        // Its turn was only put off.
        self.entry(domain).place = Place::Ring;
        self.ring.push_front(domain.clone());
    }

    /// The answer to [`Step::Refill`]; `asked` is the limit it was read with.
    pub fn refilled(&mut self, domain: &Domain, read: Refill, asked: usize, now: Timestamp) {
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
        let full = read.due.len() >= asked;
        let known: HashSet<_> = entry.loaded.iter().map(|d| d.delivery).chain(settled).collect();
        for due in read.due {
            if known.contains(&due.delivery) || self.in_flight.contains_key(&due.delivery) {
                continue;
            }
            if self.withheld.covers(&due) {
                self.withheld.miss(domain.clone());
                continue;
            }
            entry.loaded.push_back(due);
            self.loaded += 1;
        }
        entry.more |= full;
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
        self.wake_at(domain, at);
    }

    /// An attempt ended and is written down: `again` is when it is due next, `None` when it left the queue.
    pub fn settled(&mut self, due: &Due, again: Option<Timestamp>, now: Timestamp) {
        let domain = due.address.domain();
        let Some(site) = self.in_flight.remove(&due.delivery) else { return };
        self.sites.end(&site);
        self.unpark(&site);
        let Some(entry) = self.entries.get_mut(domain) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        if entry.place == Place::Refilling {
            entry.settled_meanwhile.push(due.delivery);
        }
        if let Some(at) = again {
            entry.due_at(at);
        }
        self.place(domain, now);
        if let Some(at) = again {
            self.wake_at(domain, at);
        }
    }

    /// The queue's times were changed on the disk: every domain is read anew.
    pub fn reread(&mut self, now: Timestamp) {
        let domains: Vec<_> = self.entries.keys().cloned().collect();
        for domain in domains {
            self.entry(&domain).later = Some(now);
            self.place(&domain, now);
        }
    }

    /// The site that a domain turned out to share limits with. What is under way stays counted where it began.
    pub fn learn_site(&mut self, domain: &Domain, name: &str) {
        let site = Arc::from(name);
        self.sites.learn(domain, &site);
        let Some(entry) = self.entries.get_mut(domain).filter(|entry| entry.site.as_ref() != Some(&site)) else {
            return;
        };
        let old = entry.site_or(domain);
        entry.site = Some(site);
        if entry.place == Place::Parked {
            self.sites.leave(&old, domain);
            self.ring_again(Some(domain.clone()));
        }
        // It may have been about to use a permit there.
        self.unpark(&old);
    }

    fn entry(&mut self, domain: &Domain) -> &mut Entry {
        self.entries.entry(domain.clone()).or_insert_with(|| Entry::new(self.sites.of(domain)))
    }

    /// Puts an idle domain where it belongs. One that is withheld stays idle, with all it knows.
    fn place(&mut self, domain: &Domain, now: Timestamp) {
        let withheld = self.withheld.is_domain(domain);
        let Some(entry) = self.entries.get_mut(domain) else { return };
        if entry.place != Place::Idle || withheld {
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
            self.wake_at(domain, at);
        } else if entry.in_flight == 0 {
            let timer = entry.timer;
            self.entries.remove(domain);
            if let Some(at) = timer {
                self.timers.remove(&(at, domain.clone()));
            }
        }
    }

    /// A domain that is woken for nothing is placed anew.
    fn wake_at(&mut self, domain: &Domain, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(domain) else { return };
        if entry.timer.is_some_and(|set| set <= at) {
            return;
        }
        if let Some(set) = entry.timer.replace(at) {
            self.timers.remove(&(set, domain.clone()));
        }
        self.timers.insert((at, domain.clone()));
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, domain)) = self.timers.pop_first() else { return };
            self.entry(&domain).timer = None;
            self.place(&domain, now);
        }
    }

    /// While another domain may be read, one that waits for that is in the ring again.
    fn feed(&mut self) {
        if self.reading.len() < READS_MAX {
            let next = self.hungry.pop_front();
            self.ring_again(next);
        }
    }

    /// One of the domains that wait for a permit of this site is in the ring again.
    fn unpark(&mut self, site: &str) {
        let next = self.sites.unpark(site);
        self.ring_again(next);
    }

    fn ring_again(&mut self, domain: Option<Domain>) {
        let Some(domain) = domain else { return };
        self.entry(&domain).place = Place::Ring;
        self.ring.push_back(domain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Address, CampaignId, MessageId, Mode};
    use proptest::prelude::*;

    fn due(n: i64, domain: &str, at: i64) -> Due {
        Due {
            delivery: DeliveryId::from_raw(n),
            message: MessageId::from_raw(n),
            campaign: CampaignId::from_raw(9),
            mode: Mode::Live,
            address: Address::parse(&format!("u{n}@{domain}")).unwrap(),
            lane: 1,
            next_at: Timestamp::from_millis(at),
            attempts: 0,
            accepted_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(0),
            commit: 1,
        }
    }

    fn read(due: Vec<Due>) -> Refill {
        Refill { due, later: None, through: 0 }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn limits() -> Limits {
        Limits { per_site: 2, in_all: 5 }
    }

    /// What is next when the DNS finds no site.
    fn step(window: &mut Window, now: i64) -> Step {
        loop {
            match window.next(at(now)) {
                Step::Locate(domain) => window.located(&domain, Some(domain.as_str())),
                other => return other,
            }
        }
    }

    #[test]
    fn a_hanging_domain_with_a_huge_backlog_keeps_nobody_waiting() {
        let mut window = Window::new(limits(), vec![]);
        for n in 0..50_000 {
            window.accepted(due(n, "hang.example", 0), at(0));
        }
        let mut hanging = 0;
        while let Step::Deliver(_) = step(&mut window, 0) {
            hanging += 1;
        }
        assert_eq!(hanging, 2);
        window.accepted(due(99_999, "good.example", 0), at(1));
        assert!(matches!(step(&mut window, 1), Step::Deliver(d) if d.address.domain().as_str() == "good.example"));
        assert!(window.entries[&Domain::parse("hang.example").unwrap()].loaded.len() <= LOADED_MAX);
    }

    #[test]
    fn what_is_settled_while_a_read_is_under_way_is_not_sent_twice() {
        let mut window = Window::new(
            limits(),
            vec![Head { domain: Domain::parse("a.example").unwrap(), waiting: 2, next_at: at(0) }],
        );
        let Step::Refill(domain, asked) = step(&mut window, 0) else { panic!() };
        window.refilled(&domain, read(vec![due(1, "a.example", 0)]), asked, at(0));
        let Step::Deliver(first) = step(&mut window, 0) else { panic!() };
        // Another arrives on the disk, so the domain is read again while the first is under way.
        window.entry(&domain).more = true;
        window.place(&domain, at(0));
        let Step::Refill(_, asked) = step(&mut window, 0) else { panic!() };
        window.settled(&first, None, at(0));
        window.refilled(&domain, read(vec![due(1, "a.example", 0), due(2, "a.example", 0)]), asked, at(0));
        assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d.delivery.raw() == 2));
        assert!(matches!(step(&mut window, 0), Step::Wait(None)));
    }

    #[test]
    fn domains_of_one_site_share_its_permits() {
        let mut window = Window::new(limits(), vec![]);
        for n in 0..9 {
            window.accepted(due(n, &format!("d{n}.example"), 0), at(0));
        }
        let (mut under_way, mut sent) = (VecDeque::new(), 0);
        loop {
            match window.next(at(0)) {
                Step::Locate(domain) => window.located(&domain, Some("mx.big.example")),
                Step::Deliver(d) => under_way.push_back(d),
                Step::Refill(..) => panic!("all is loaded"),
                Step::Wait(_) => {
                    assert!(under_way.len() <= 2);
                    let Some(d) = under_way.pop_front() else { break };
                    window.learn_site(d.address.domain(), "mx.big.example");
                    window.settled(&d, None, at(0));
                    sent += 1;
                }
            }
        }
        assert_eq!(sent, 9);
        // It is known also after all have left.
        window.accepted(due(10, "d1.example", 0), at(0));
        assert!(window.entries.len() == 1 && matches!(window.next(at(0)), Step::Deliver(_)));
    }

    #[test]
    fn a_site_learned_by_an_attempt_holds_from_the_next_one_on() {
        let mut window = Window::new(limits(), vec![]);
        for n in 0..4 {
            window.accepted(due(n, &format!("d{n}.example"), 0), at(0));
        }
        let first: Vec<_> = (0..3).map(|_| step(&mut window, 0)).collect();
        for one in &first {
            let Step::Deliver(d) = one else { panic!() };
            window.learn_site(d.address.domain(), "mx.big.example");
            window.settled(d, Some(at(1)), at(0));
        }
        assert!(matches!(window.next(at(0)), Step::Locate(_)));
        window.located(&Domain::parse("d3.example").unwrap(), Some("mx.big.example"));
        let again: Vec<_> = (0..2).map(|_| window.next(at(0))).collect();
        assert!(matches!(&again[0], Step::Deliver(d) if d.delivery.raw() == 3), "{again:?}");
        for n in 0..3 {
            window.accepted(due(10 + n, &format!("d{n}.example"), 0), at(0));
        }
        assert!(matches!(window.next(at(0)), Step::Deliver(_)));
        assert!(matches!(window.next(at(0)), Step::Wait(_)));
    }

    #[test]
    fn a_domain_has_one_timer_however_often_it_is_tried() {
        let mut window = Window::new(limits(), vec![]);
        let mut tried = 0;
        for n in 0..1_000 {
            window.accepted(due(n, "a.example", 0), at(n));
            loop {
                match step(&mut window, n) {
                    Step::Deliver(d) => {
                        tried += 1;
                        window.settled(&d, Some(at(n + 2)), at(n));
                    }
                    Step::Refill(domain, asked) => {
                        let found =
                            Refill { later: Some(at(1_000_000)), ..read(vec![due(10_000 + n, "a.example", 0)]) };
                        window.refilled(&domain, found, asked, at(n));
                    }
                    Step::Locate(_) => unreachable!(),
                    Step::Wait(_) => break,
                }
            }
            assert!(window.timers.len() <= 1, "{}", window.timers.len());
        }
        assert!(tried > 1_000);
    }

    #[test]
    fn what_goes_to_barred_sites_waits_and_delays_nothing_else() {
        let mut window = Window::new(limits(), vec![]);
        for (n, domain) in [(1, "dead.example"), (2, "dead.example"), (3, "good.example")] {
            window.accepted(due(n, domain, 0), at(0));
        }
        let barred = |site: &str| site == "mx.dead.example";
        let next = |window: &mut Window, any: bool| loop {
            let step = if any { window.next(at(0)) } else { window.next_but(at(0), barred) };
            let Step::Locate(domain) = step else { return step };
            window.located(&domain, Some(&format!("mx.{domain}")));
        };
        assert!(matches!(next(&mut window, false), Step::Deliver(d) if d.delivery.raw() == 3));
        assert!(matches!(next(&mut window, false), Step::Wait(None)));
        let Step::Deliver(first) = next(&mut window, true) else { panic!() };
        assert_eq!(first.delivery.raw(), 1);
        assert!(matches!(next(&mut window, false), Step::Wait(None)));
        window.settled(&first, None, at(0));
        assert!(matches!(next(&mut window, false), Step::Wait(None)));
        assert!(matches!(next(&mut window, true), Step::Deliver(d) if d.delivery.raw() == 2));
    }

    #[test]
    fn a_paused_campaign_is_passed_over_and_comes_back() {
        let of = |n: i64, campaign: i64| Due { campaign: CampaignId::from_raw(campaign), ..due(n, "a.example", 0) };
        let (domain, paused) = (Domain::parse("a.example").unwrap(), Selection::Campaign(CampaignId::from_raw(5)));
        let mut window = Window::new(limits(), vec![]);
        window.accepted(of(1, 5), at(0));
        window.withhold(paused.clone());
        window.accepted(of(2, 5), at(0));
        window.accepted(of(3, 6), at(0));
        assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d.delivery.raw() == 3));
        assert!(matches!(step(&mut window, 0), Step::Wait(_)));
        window.release(&paused, at(0));
        let Step::Refill(_, asked) = step(&mut window, 0) else { panic!() };
        window.refilled(&domain, read(vec![of(1, 5), of(2, 5)]), asked, at(0));
        assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d.delivery.raw() == 1));
    }

    #[test]
    fn a_withheld_domain_leaves_its_permit_to_others_of_its_site() {
        let mut window = Window::new(Limits { per_site: 1, in_all: 5 }, vec![]);
        for (n, domain) in [(1, "a.example"), (2, "b.example"), (3, "c.example")] {
            window.entry(&Domain::parse(domain).unwrap());
            window.learn_site(&Domain::parse(domain).unwrap(), "mx.big.example");
            window.accepted(due(n, domain, 0), at(0));
        }
        let Step::Deliver(first) = step(&mut window, 0) else { panic!() };
        assert!(matches!(step(&mut window, 0), Step::Wait(_)));
        window.withhold(Selection::Domain(Domain::parse("b.example").unwrap()));
        window.settled(&first, None, at(0));
        assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d.delivery.raw() == 3));
    }

    #[test]
    fn what_waits_for_a_read_gets_it_also_behind_paused_domains() {
        let name = |n: usize| Domain::parse(&format!("d{n}.example")).unwrap();
        let heads = (0..=2 * READS_MAX).map(|n| Head { domain: name(n), waiting: 1, next_at: at(0) });
        let mut window = Window::new(limits(), heads.collect());
        let mut reads = Vec::new();
        while let Step::Refill(domain, asked) = step(&mut window, 0) {
            reads.push((domain, asked));
        }
        assert_eq!(reads.len(), READS_MAX);
        (READS_MAX..2 * READS_MAX).for_each(|n| window.withhold(Selection::Domain(name(n))));
        reads.iter().for_each(|(domain, asked)| window.refilled(domain, read(vec![]), *asked, at(0)));
        assert!(matches!(step(&mut window, 0), Step::Refill(domain, _) if domain == name(2 * READS_MAX)));
    }

    #[test]
    fn a_million_waiting_in_many_domains_are_not_all_loaded() {
        let heads = (0..10_000).map(|n| Head {
            domain: Domain::parse(&format!("d{n}.example")).unwrap(),
            waiting: 100,
            next_at: at(0),
        });
        let mut window = Window::new(Limits { per_site: 20_000, in_all: 1_000_000 }, heads.collect());
        let (mut reads, mut next) = (VecDeque::new(), 0);
        for _ in 0..30_000 {
            match step(&mut window, 0) {
                Step::Refill(domain, asked) => reads.push_back((domain, asked)),
                // What is under way never ends here, so that all of it would be loaded.
                Step::Deliver(_) => {}
                Step::Locate(_) => unreachable!(),
                Step::Wait(_) => {
                    let Some((domain, asked)) = reads.pop_front() else { break };
                    let rows = (next..).take(asked.min(100)).map(|n| due(n, domain.as_str(), 0)).collect();
                    next += 100;
                    window.refilled(&domain, read(rows), asked, at(0));
                }
            }
            assert!(reads.len() <= READS_MAX && window.loaded <= LOADED_IN_ALL + 10_000 + LOADED_MAX * READS_MAX);
        }
        assert_eq!(window.loaded, window.entries.values().map(|entry| entry.loaded.len()).sum::<usize>());
    }

    /// A queue of rows beside the window, whose commits are heard of late, and in which campaigns and domains are paused
    /// and single rows cancelled.
    struct Trial {
        window: Window,
        disk: HashMap<i64, Due>,
        now: i64,
        chance: u64,
        commit: u64,
        incoming: VecDeque<(i64, (u8, i64))>,
        unheard: Vec<Due>,
        reads: Vec<(Domain, Refill, usize)>,
        under_way: Vec<Due>,
        look_ups: Vec<Domain>,
        /// What the window was told last.
        sites: HashMap<Domain, String>,
        /// Where what is under way is counted.
        counted: HashMap<i64, String>,
        paused: HashSet<Selection>,
        delivered: HashSet<i64>,
        cancelled: HashSet<i64>,
    }

    impl Trial {
        fn roll(&mut self, n: usize) -> usize {
            self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(self.chance >> 33).unwrap() % n
        }

        fn accept(&mut self) {
            let Some((n, (domain, delay))) = self.incoming.pop_front() else { return };
            self.commit += 1;
            let campaign = CampaignId::from_raw(n % 3);
            let due = due(n, &format!("d{}.example", domain % 12), self.now + delay);
            let row = Due { commit: self.commit, campaign, ..due };
            self.disk.insert(n, row.clone());
            self.unheard.push(row);
        }

        fn settle(&mut self) {
            let at_random = self.roll(self.under_way.len());
            let mut d = self.under_way.remove(at_random);
            self.counted.remove(&d.delivery.raw());
            if self.roll(4) == 0 {
                let site = format!("mx{}.example", self.roll(3));
                self.window.learn_site(d.address.domain(), &site);
                self.sites.insert(d.address.domain().clone(), site);
            }
            if d.attempts == 0 && self.roll(3) == 0 {
                (d.attempts, d.next_at) = (1, at(self.now + 5));
                self.disk.insert(d.delivery.raw(), d.clone());
                self.window.settled(&d, Some(d.next_at), at(self.now));
            } else {
                assert!(self.delivered.insert(d.delivery.raw()), "delivered twice");
                self.disk.remove(&d.delivery.raw());
                self.window.settled(&d, None, at(self.now));
            }
        }

        fn pause_or_resume(&mut self, may_pause: bool) {
            let domain = Domain::parse("d1.example").unwrap();
            let campaign = |n| Selection::Campaign(CampaignId::from_raw(n));
            let mut parts = [campaign(0), campaign(1), Selection::Domain(domain), Selection::All];
            let part = std::mem::replace(&mut parts[self.roll(4)], Selection::All);
            if self.paused.remove(&part) {
                self.window.release(&part, at(self.now));
                let of_part = self.disk.values().filter(|d| part == Selection::Campaign(d.campaign));
                let domains: HashSet<_> = of_part.map(|d| d.address.domain().clone()).collect();
                self.window.wake(domains, at(self.now));
            } else if may_pause {
                self.paused.insert(part.clone());
                self.window.withhold(part);
            }
        }

        fn cancel(&mut self) {
            let Some(n) = self.disk.keys().min().copied() else { return };
            let part = Selection::Delivery(DeliveryId::from_raw(n));
            self.window.withhold(part.clone());
            if self.under_way.iter().all(|d| d.delivery.raw() != n) {
                self.disk.remove(&n);
                self.cancelled.insert(n);
            }
            self.window.cancelled(&part, self.commit + 1, at(self.now));
        }

        fn locate(&mut self) {
            let at_random = self.roll(self.look_ups.len());
            let domain = self.look_ups.remove(at_random);
            let found = (self.roll(4) > 0).then(|| format!("mx{}.example", self.roll(3)));
            self.window.located(&domain, found.as_deref());
            found.map(|site| self.sites.insert(domain, site));
        }

        fn step(&mut self) {
            let now = at(self.now);
            let barring = self.roll(5) == 0;
            let step =
                if barring { self.window.next_but(now, |site| site == "mx0.example") } else { self.window.next(now) };
            match step {
                Step::Locate(domain) => self.look_ups.push(domain),
                Step::Deliver(d) => {
                    let of = [Selection::Campaign(d.campaign), Selection::Domain(d.address.domain().clone())];
                    let is_paused = self.paused.contains(&Selection::All) || of.iter().any(|p| self.paused.contains(p));
                    assert!(!is_paused, "a paused row starts");
                    assert!(!self.cancelled.contains(&d.delivery.raw()), "a cancelled row starts");
                    let site = self.sites[d.address.domain()].clone();
                    assert!(!barring || site != "mx0.example", "a barred site is visited");
                    let beside = self.counted.values().filter(|other| **other == site).count();
                    assert!(beside < limits().per_site, "too many to {site}");
                    self.counted.insert(d.delivery.raw(), site);
                    self.under_way.push(*d);
                }
                Step::Refill(domain, asked) => {
                    let open = |d: &&Due| !self.paused.contains(&Selection::Campaign(d.campaign));
                    let of_domain = || self.disk.values().filter(|d| *d.address.domain() == domain).filter(open);
                    let mut due: Vec<_> = of_domain().filter(|d| d.next_at.millis() <= self.now).cloned().collect();
                    due.truncate(asked);
                    let later = of_domain().map(|d| d.next_at).filter(|t| t.millis() > self.now).min();
                    let through = self.commit + 1;
                    self.reads.push((domain, Refill { due, later, through }, asked));
                }
                Step::Wait(_) => self.now += 1,
            }
        }
    }

    /// Whatever happens, each row is delivered exactly once a time it is due, none that is paused or cancelled starts, no
    /// site is visited by more than its limit, and all that is left goes out in the end.
    fn run(rows: Vec<(u8, i64)>, seed: u64) {
        let total = rows.len();
        let mut trial = Trial {
            window: Window::new(limits(), vec![]),
            disk: HashMap::new(),
            now: 0,
            chance: seed | 1,
            commit: 0,
            incoming: (0..).zip(rows).collect(),
            unheard: Vec::new(),
            reads: Vec::new(),
            under_way: Vec::new(),
            look_ups: Vec::new(),
            sites: HashMap::new(),
            counted: HashMap::new(),
            paused: HashSet::new(),
            delivered: HashSet::new(),
            cancelled: HashSet::new(),
        };
        for turn in 0..300_000 {
            if trial.roll(40) == 0 {
                trial.pause_or_resume(turn < 20_000);
            }
            if trial.roll(60) == 0 {
                trial.cancel();
            }
            match trial.roll(7) {
                0 => trial.accept(),
                1 if !trial.unheard.is_empty() => {
                    let at_random = trial.roll(trial.unheard.len());
                    let due = trial.unheard.remove(at_random);
                    trial.window.accepted(due, at(trial.now));
                }
                2 if !trial.reads.is_empty() => {
                    let at_random = trial.roll(trial.reads.len());
                    let (domain, read, asked) = trial.reads.remove(at_random);
                    trial.window.refilled(&domain, read, asked, at(trial.now));
                }
                3 if !trial.under_way.is_empty() => trial.settle(),
                4 if !trial.look_ups.is_empty() => trial.locate(),
                _ => trial.step(),
            }
            if trial.delivered.len() + trial.cancelled.len() == total {
                return;
            }
        }
        panic!("{} of {total} delivered, {} cancelled", trial.delivered.len(), trial.cancelled.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_row_is_delivered_once(rows in proptest::collection::vec((any::<u8>(), 0_i64..20), 1..300), seed in any::<u64>()) {
            run(rows, seed);
        }
    }
}
