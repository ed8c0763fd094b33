//! Which delivery is next: a bounded window over an unbounded backlog.
//!
//! Pure. In memory stand one head per destination domain and at most 200 loaded deliveries of a domain, refilled from the
//! queue when a domain is ready, in round robin: a domain with fifty thousand waiting mails costs another one nothing.
//! A domain joins the site it shares limits with once its MX is known.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::domain::{DeliveryId, Domain, Timestamp};
use crate::store::{Due, Head, Refill};

/// Deliveries of one domain that are loaded at most.
pub const LOADED_MAX: usize = 200;

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
    /// Nothing until then (or until something changes).
    Wait(Option<Timestamp>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In no list: it waits for its time or for what is in flight.
    Idle,
    /// In the ring.
    Ring,
    /// In its site's list, for a permit.
    Parked,
    /// Being read.
    Refilling,
}

struct Entry {
    loaded: VecDeque<Due>,
    /// Whether the queue may hold due deliveries that are not loaded.
    more: bool,
    later: Option<Timestamp>,
    in_flight: usize,
    place: Place,
    site: Arc<str>,
    /// What was settled while a read was under way: the read may still have seen it.
    settled_meanwhile: Vec<DeliveryId>,
}

#[derive(Default)]
struct SiteLoad {
    in_flight: usize,
    parked: VecDeque<Domain>,
}

/// The window.
pub struct Window {
    limits: Limits,
    entries: HashMap<Domain, Entry>,
    sites: HashMap<Arc<str>, SiteLoad>,
    ring: VecDeque<Domain>,
    timers: BinaryHeap<Reverse<(Timestamp, Domain)>>,
    in_flight: HashSet<DeliveryId>,
    /// The last commit that a read may have seen.
    read_through: u64,
}

impl Window {
    /// With what waits in the queue.
    pub fn new(limits: Limits, heads: Vec<Head>) -> Self {
        let mut window = Self {
            limits,
            entries: HashMap::new(),
            sites: HashMap::new(),
            ring: VecDeque::new(),
            timers: BinaryHeap::new(),
            in_flight: HashSet::new(),
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

    /// Takes a delivery that was just accepted. Where a read may have seen it already (and it may even be settled by
    /// now), it is left to the next read.
    pub fn accepted(&mut self, due: Due, now: Timestamp) {
        let domain = due.address.domain().clone();
        let unseen = due.commit > self.read_through;
        let entry = self.entry(&domain);
        if due.next_at > now {
            let at = due.next_at;
            entry.later = Some(entry.later.map_or(at, |known| known.min(at)));
        } else if unseen && !entry.more && entry.place != Place::Refilling && entry.loaded.len() < LOADED_MAX {
            entry.loaded.push_back(due);
        } else {
            entry.more = true;
        }
        self.place(&domain, now);
    }

    /// What to do next.
    pub fn next(&mut self, now: Timestamp) -> Step {
        self.fire_timers(now);
        while self.in_flight.len() < self.limits.in_all {
            let Some(domain) = self.ring.pop_front() else { break };
            let Some(entry) = self.entries.get_mut(&domain) else { continue };
            let site = self.sites.entry(Arc::clone(&entry.site)).or_default();
            if site.in_flight >= self.limits.per_site {
                entry.place = Place::Parked;
                site.parked.push_back(domain);
                continue;
            }
            entry.place = Place::Idle;
            if let Some(due) = entry.loaded.pop_front() {
                entry.in_flight += 1;
                site.in_flight += 1;
                self.in_flight.insert(due.delivery);
                self.place(&domain, now);
                return Step::Deliver(Box::new(due));
            }
            // From here on these two gather what the read may have missed.
            (entry.more, entry.later) = (false, None);
            entry.settled_meanwhile.clear();
            entry.place = Place::Refilling;
            return Step::Refill(domain, LOADED_MAX + entry.in_flight);
        }
        Step::Wait(self.timers.peek().map(|Reverse((at, _))| *at))
    }

    /// The answer to [`Step::Refill`]; `asked` is the limit it was read with.
    pub fn refilled(&mut self, domain: &Domain, read: Refill, asked: usize, now: Timestamp) {
        self.read_through = self.read_through.max(read.through);
        let Some(entry) = self.entries.get_mut(domain) else { return };
        let full = read.due.len() >= asked;
        let settled = std::mem::take(&mut entry.settled_meanwhile);
        let known: HashSet<_> = entry.loaded.iter().map(|d| d.delivery).chain(settled).collect();
        let unknown = |d: &Due| !known.contains(&d.delivery) && !self.in_flight.contains(&d.delivery);
        entry.loaded.extend(read.due.into_iter().filter(unknown));
        entry.more |= full;
        entry.later = [entry.later, read.later].into_iter().flatten().min();
        entry.place = Place::Idle;
        self.place(domain, now);
    }

    /// A read failed: try again at `at`.
    pub fn refill_failed(&mut self, domain: &Domain, at: Timestamp) {
        if let Some(entry) = self.entries.get_mut(domain) {
            entry.place = Place::Idle;
            entry.later = Some(at);
        }
        self.wake_at(domain, at);
    }

    /// An attempt ended and is written down: `again` is when it is due next, `None` when it left the queue.
    pub fn settled(&mut self, due: &Due, again: Option<Timestamp>, now: Timestamp) {
        let domain = due.address.domain();
        if !self.in_flight.remove(&due.delivery) {
            return;
        }
        let Some(entry) = self.entries.get_mut(domain) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        if entry.place == Place::Refilling {
            entry.settled_meanwhile.push(due.delivery);
        }
        if let Some(at) = again {
            entry.later = Some(entry.later.map_or(at, |known| known.min(at)));
        }
        let site = Arc::clone(&entry.site);
        self.release(&site);
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

    /// The site that a domain turned out to share limits with.
    pub fn learn_site(&mut self, domain: &Domain, name: &str) {
        let Some(entry) = self.entries.get_mut(domain) else { return };
        // While it is in a list or in flight its permits are counted under the old name.
        if entry.in_flight == 0 && entry.place != Place::Parked && &*entry.site != name {
            entry.site = Arc::from(name);
        }
    }

    fn entry(&mut self, domain: &Domain) -> &mut Entry {
        self.entries.entry(domain.clone()).or_insert_with(|| Entry {
            loaded: VecDeque::new(),
            more: false,
            later: None,
            in_flight: 0,
            place: Place::Idle,
            site: Arc::from(domain.as_str()),
            settled_meanwhile: Vec::new(),
        })
    }

    /// Puts an idle domain where it belongs.
    fn place(&mut self, domain: &Domain, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(domain) else { return };
        if entry.place != Place::Idle {
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
            self.entries.remove(domain);
        }
    }

    fn wake_at(&mut self, domain: &Domain, at: Timestamp) {
        // One timer a domain and time is enough; a domain that is woken for nothing is placed anew.
        if self.timers.peek().is_none_or(|Reverse(top)| *top != (at, domain.clone())) {
            self.timers.push(Reverse((at, domain.clone())));
        }
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while let Some(Reverse((at, _))) = self.timers.peek() {
            if *at > now {
                return;
            }
            if let Some(Reverse((_, domain))) = self.timers.pop() {
                self.place(&domain, now);
            }
        }
    }

    /// A site has a permit more: those of its domains that wait for one are in the ring again.
    fn release(&mut self, site: &Arc<str>) {
        let Some(load) = self.sites.get_mut(site) else { return };
        load.in_flight = load.in_flight.saturating_sub(1);
        if let Some(domain) = load.parked.pop_front()
            && let Some(entry) = self.entries.get_mut(&domain)
        {
            entry.place = Place::Ring;
            self.ring.push_back(domain);
        }
        if load.in_flight == 0 && load.parked.is_empty() {
            self.sites.remove(site);
        }
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

    #[test]
    fn a_hanging_domain_with_a_huge_backlog_keeps_nobody_waiting() {
        let mut window = Window::new(limits(), vec![]);
        for n in 0..50_000 {
            window.accepted(due(n, "hang.example", 0), at(0));
        }
        let mut hanging = 0;
        while let Step::Deliver(_) = window.next(at(0)) {
            hanging += 1;
        }
        assert_eq!(hanging, 2);
        window.accepted(due(99_999, "good.example", 0), at(1));
        assert!(matches!(window.next(at(1)), Step::Deliver(d) if d.address.domain().as_str() == "good.example"));
        assert!(window.entries[&Domain::parse("hang.example").unwrap()].loaded.len() <= LOADED_MAX);
    }

    #[test]
    fn what_is_settled_while_a_read_is_under_way_is_not_sent_twice() {
        let mut window = Window::new(
            limits(),
            vec![Head { domain: Domain::parse("a.example").unwrap(), waiting: 2, next_at: at(0) }],
        );
        let Step::Refill(domain, asked) = window.next(at(0)) else { panic!() };
        window.refilled(&domain, read(vec![due(1, "a.example", 0)]), asked, at(0));
        let Step::Deliver(first) = window.next(at(0)) else { panic!() };
        // Another arrives on the disk, so the domain is read again while the first is under way.
        window.entry(&domain).more = true;
        window.place(&domain, at(0));
        let Step::Refill(_, asked) = window.next(at(0)) else { panic!() };
        window.settled(&first, None, at(0));
        window.refilled(&domain, read(vec![due(1, "a.example", 0), due(2, "a.example", 0)]), asked, at(0));
        assert!(matches!(window.next(at(0)), Step::Deliver(d) if d.delivery.raw() == 2));
        assert!(matches!(window.next(at(0)), Step::Wait(None)));
    }

    #[test]
    fn domains_of_one_site_share_its_permits() {
        let mut window = Window::new(limits(), vec![]);
        for (n, domain) in [(1, "a.example"), (2, "b.example"), (3, "c.example")] {
            window.entry(&Domain::parse(domain).unwrap());
            window.learn_site(&Domain::parse(domain).unwrap(), "mx.big.example");
            window.accepted(due(n, domain, 0), at(0));
        }
        let mut under_way = Vec::new();
        while let Step::Deliver(d) = window.next(at(0)) {
            under_way.push(d);
        }
        assert_eq!(under_way.len(), 2);
        window.settled(&under_way[0], None, at(0));
        assert!(matches!(window.next(at(0)), Step::Deliver(d) if d.delivery.raw() == 3));
    }

    /// A queue of rows beside the window, whose commits are heard of late: whatever happens, each row is delivered
    /// exactly once a time it is due.
    fn run(rows: Vec<(u8, i64)>, seed: u64) {
        let mut disk: HashMap<i64, Due> = HashMap::new();
        let mut window = Window::new(limits(), vec![]);
        let (mut now, mut chance) = (0_i64, seed | 1);
        let mut roll = |n: usize| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(chance >> 33).unwrap() % n
        };
        let (mut incoming, mut unheard) = (rows.into_iter().enumerate().collect::<VecDeque<_>>(), Vec::new());
        let (mut reads, mut under_way, mut delivered) = (Vec::new(), Vec::new(), HashSet::new());
        let (total, mut commit) = (incoming.len(), 0_u64);
        for _ in 0..200_000 {
            match roll(6) {
                0 => {
                    if let Some((n, (domain, delay))) = incoming.pop_front() {
                        commit += 1;
                        let n = i64::try_from(n).unwrap();
                        let row = Due { commit, ..due(n, &format!("d{}.example", domain % 4), now + delay) };
                        disk.insert(n, row.clone());
                        unheard.push(row);
                    }
                }
                1 if !unheard.is_empty() => window.accepted(unheard.remove(roll(unheard.len())), at(now)),
                2 if !reads.is_empty() => {
                    let (domain, read, asked) = reads.remove(roll(reads.len()));
                    window.refilled(&domain, read, asked, at(now));
                }
                3 if !under_way.is_empty() => {
                    let mut d: Box<Due> = under_way.remove(roll(under_way.len()));
                    if d.attempts == 0 && roll(3) == 0 {
                        d.attempts = 1;
                        d.next_at = at(now + 5);
                        disk.insert(d.delivery.raw(), (*d).clone());
                        window.settled(&d, Some(d.next_at), at(now));
                    } else {
                        assert!(delivered.insert(d.delivery.raw()), "delivered twice");
                        disk.remove(&d.delivery.raw());
                        window.settled(&d, None, at(now));
                    }
                }
                _ => match window.next(at(now)) {
                    Step::Deliver(d) => under_way.push(d),
                    Step::Refill(domain, asked) => {
                        let of_domain = || disk.values().filter(|d| *d.address.domain() == domain);
                        let mut due: Vec<_> = of_domain().filter(|d| d.next_at.millis() <= now).cloned().collect();
                        due.truncate(asked);
                        let later = of_domain().map(|d| d.next_at).filter(|t| t.millis() > now).min();
                        reads.push((domain, Refill { due, later, through: commit + 1 }, asked));
                    }
                    Step::Wait(_) => now += 1,
                },
            }
            if delivered.len() == total {
                return;
            }
        }
        panic!("{} of {total} delivered", delivered.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_row_is_delivered_once(rows in proptest::collection::vec((any::<u8>(), 0_i64..20), 1..300), seed in any::<u64>()) {
            run(rows, seed);
        }
    }
}
