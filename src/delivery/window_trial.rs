//! The window beside a queue, with everything that happens to it.

use super::super::pace::Word;
use super::tests::{PER_SITE, at, due, limits};
use std::collections::HashMap;

use super::*;
use crate::domain::canary::CanaryState;
use crate::domain::{CampaignId, MessageId, Selection, Site};
use proptest::prelude::*;

/// So many of a campaign go first at a site.
const FIRST: u32 = 4;

/// A queue of rows beside the window, whose commits are heard of late, and in which campaigns, domains and sites are paused
/// and single rows cancelled.
struct Trial {
    window: Window,
    disk: HashMap<i64, Due>,
    now: i64,
    chance: u64,
    commit: u64,
    incoming: VecDeque<(i64, (u8, i64))>,
    unheard: Vec<Due>,
    reads: Vec<(Domain, Refill)>,
    under_way: Vec<Due>,
    look_ups: Vec<Domain>,
    /// What the window was told last.
    sites: HashMap<Domain, String>,
    /// Where what is under way is counted, in which transaction, and since when.
    counted: HashMap<i64, (String, usize, i64)>,
    /// When each site was cut last.
    cuts: HashMap<String, i64>,
    transactions: usize,
    shared: usize,
    /// Transactions of more than one domain.
    wide: usize,
    paused: HashSet<Selection>,
    delivered: HashSet<i64>,
    cancelled: HashSet<i64>,
    /// How each campaign stands at each site: how many of the first were tried.
    stands: HashMap<(i64, String), (CanaryState, u32)>,
    /// Campaigns that were let go: also where none of the first was tried.
    released: HashSet<i64>,
    /// Whether something may still be held.
    holding: bool,
    held: usize,
}

impl Trial {
    fn roll(&mut self, n: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.chance >> 33).unwrap() % n
    }

    fn accept(&mut self) {
        let Some((n, (domain, delay))) = self.incoming.pop_front() else { return };
        self.commit += 1;
        let message = n / 8;
        let campaign = CampaignId::from_raw(message % 3);
        let due = due(n, &format!("d{}.example", domain % 12), self.now + delay);
        let (message, alike) = (MessageId::from_raw(message), message % 2 == 0);
        let lane = u8::from(n % 7 != 0);
        let row = Due { commit: self.commit, campaign, message, alike, lane, ..due };
        self.disk.insert(n, row.clone());
        self.unheard.push(row);
    }

    fn settle(&mut self) {
        let at_random = self.roll(self.under_way.len());
        let mut d = self.under_way.remove(at_random);
        let (site, _, begun) = self.counted.remove(&d.delivery.raw()).unwrap();
        let word = [Word::Answered, Word::Other, Word::Silent, Word::TooFast][self.roll(4).min(self.roll(4))];
        self.count_first(&d, &site);
        self.window.hear(d.delivery, word, "421 slow", at(begun), at(self.now));
        if word == Word::TooFast && self.cuts.get(&site).is_none_or(|cut| begun > *cut) {
            self.cuts.insert(site, self.now);
        }
        if self.roll(4) == 0 {
            let site = format!("mx{}.example", self.roll(3));
            self.window.learn_site(d.address.domain(), &site, at(self.now));
            self.sites.insert(d.address.domain().clone(), site);
        }
        if d.attempts == 0 && self.roll(3) == 0 {
            (d.attempts, d.next_at, d.lane) = (1, at(self.now + 5), d.lane + 2);
            self.disk.insert(d.delivery.raw(), d.clone());
            self.window.settled(&d, Some(d.next_at), at(self.now));
        } else {
            assert!(self.delivered.insert(d.delivery.raw()), "delivered twice");
            self.disk.remove(&d.delivery.raw());
            self.window.settled(&d, None, at(self.now));
        }
    }

    /// What the store makes of a first try.
    fn count_first(&mut self, d: &Due, site: &str) {
        let first_at = self.window.first_at(d);
        // Some end without a try.
        if first_at.is_none_or(|at| &*at != site) || self.roll(8) == 0 {
            return;
        }
        let hold = self.roll(2) == 0 && self.holding;
        let new = (self.state_at_first(d.campaign.raw()), 0);
        let stand = self.stands.entry((d.campaign.raw(), site.to_owned())).or_insert(new);
        if stand.0 == CanaryState::Trying {
            stand.1 += 1;
            if stand.1 == FIRST {
                stand.0 = if hold { CanaryState::Held } else { CanaryState::Passed };
                self.held += usize::from(hold);
            }
        }
        let (state, tried) = *stand;
        self.window.learn_stand(d.campaign, site, state, tried, at(self.now));
    }

    fn state_at_first(&self, campaign: i64) -> CanaryState {
        if self.released.contains(&campaign) { CanaryState::Released } else { CanaryState::Trying }
    }

    fn release(&mut self) {
        let held = self.stands.iter().find(|(_, stand)| stand.0 == CanaryState::Held);
        if let Some(campaign) = held.map(|((campaign, _), _)| *campaign) {
            let of_it = self.stands.iter_mut().filter(|((other, _), _)| *other == campaign);
            of_it.for_each(|(_, stand)| stand.0 = CanaryState::Released);
            self.released.insert(campaign);
            self.window.release_rest(CampaignId::from_raw(campaign), at(self.now));
        }
        self.window.stir(at(self.now));
    }

    /// None of the rest of a campaign leaves before its time.
    fn check_first(&self, dues: &[Due], site: &str) {
        let key = (dues[0].campaign.raw(), site.to_owned());
        let (state, tried) = self.stands.get(&key).copied().unwrap_or((self.state_at_first(key.0), 0));
        let first = |d: &&Due| d.attempts == 0 && d.lane == 1 && d.campaign == dues[0].campaign && key.0 != 0;
        let begin = dues.iter().filter(first).count();
        let there = |d: &&Due| self.counted[&d.delivery.raw()].0 == site;
        let under_way = self.under_way.iter().filter(first).filter(there).count();
        let all = u32::try_from(begin + under_way).unwrap() + tried;
        match state {
            CanaryState::Trying => assert!(begin == 0 || all <= FIRST, "{all} of the first at {site}"),
            CanaryState::Held => assert_eq!(begin, 0, "the rest of a held campaign starts"),
            CanaryState::Passed | CanaryState::Released => {}
        }
    }

    fn pause_or_resume(&mut self, may_pause: bool) {
        let domain = Domain::parse("d1.example").unwrap();
        let campaign = |n| Selection::Campaign(CampaignId::from_raw(n));
        let site = Selection::Site(Site::parse("mx1.example").unwrap());
        let mut parts = [campaign(0), campaign(1), Selection::Domain(domain), site, Selection::All];
        let part = std::mem::replace(&mut parts[self.roll(5)], Selection::All);
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
        self.window.located(&domain, found.as_deref(), at(self.now));
        found.map(|site| self.sites.insert(domain, site));
    }

    fn step(&mut self) {
        let now = at(self.now);
        let barring = self.roll(5) == 0;
        let step =
            if barring { self.window.next_but(now, |site| site == "mx0.example") } else { self.window.next(now) };
        match step {
            Step::Locate(domain) => self.look_ups.push(domain),
            Step::Deliver(dues) => {
                let site = self.sites[dues[0].address.domain()].clone();
                assert!(!barring || site != "mx0.example", "a barred site is visited");
                let cooled = self.cuts.get(&site).is_none_or(|cut| self.now >= cut + 5_000);
                assert!(cooled, "{site} was slowed down at {:?} and is visited at {}", self.cuts[&site], self.now);
                let there = self.counted.values().filter(|(other, ..)| *other == site);
                let beside: HashSet<_> = there.map(|(_, transaction, _)| transaction).collect();
                assert!(beside.len() < PER_SITE, "too many to {site}");
                let is_like =
                    |d: &Due| d.alike && d.message == dues[0].message && self.sites[d.address.domain()] == site;
                assert!(dues.len() == 1 || dues.len() <= 50 && dues.iter().all(is_like), "{dues:?}");
                self.check_first(&dues, &site);
                self.transactions += 1;
                self.wide += usize::from(dues.iter().any(|d| d.address.domain() != dues[0].address.domain()));
                self.shared += dues.len() - 1;
                for d in dues {
                    let of = [
                        Selection::Campaign(d.campaign),
                        Selection::Domain(d.address.domain().clone()),
                        Selection::Site(Site::parse(&site).unwrap()),
                    ];
                    let is_paused = self.paused.contains(&Selection::All) || of.iter().any(|p| self.paused.contains(p));
                    assert!(!is_paused, "a paused row starts");
                    assert!(!self.cancelled.contains(&d.delivery.raw()), "a cancelled row starts");
                    let before = self.counted.insert(d.delivery.raw(), (site.clone(), self.transactions, self.now));
                    assert_eq!(before, None, "twice under way");
                    self.under_way.push(d);
                }
            }
            Step::Refill(domain, asked) => {
                let open = |d: &&Due| !self.paused.contains(&Selection::Campaign(d.campaign));
                let shut = self.window.shut_to(&domain);
                let open = |d: &&Due| open(d) && !(d.lane == 1 && shut.contains(&d.campaign));
                let of_domain = || self.disk.values().filter(|d| *d.address.domain() == domain).filter(open);
                let under_way = self.window.under_way_to(&domain);
                let is_due = |d: &&Due| d.next_at.millis() <= self.now && !under_way.contains(&d.delivery);
                let mut due: Vec<_> = of_domain().filter(is_due).cloned().collect();
                let more = due.len() > asked;
                due.truncate(asked);
                let later = of_domain().map(|d| d.next_at).filter(|t| t.millis() > self.now).min();
                let through = self.commit + 1;
                self.reads.push((domain, Refill { due, more, later, through }));
            }
            // Whoever says when to look again is looked at then, and sometimes before.
            Step::Wait(Some(until)) if self.roll(3) > 0 => self.now = until.millis().max(self.now + 1),
            Step::Wait(_) => self.now += 1,
        }
    }
}

/// Whatever happens, each row is delivered exactly once a time it is due, none that is paused, cancelled or held starts, no
/// site is visited by more transactions than its limit, or before it has cooled down, none is shared by what differs, and all that is left goes out in the end.
fn run(rows: Vec<(u8, i64)>, seed: u64) -> Trial {
    let total = rows.len();
    let mut trial = Trial {
        window: Window::new(Limits { first: FIRST, ..limits() }, vec![]),
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
        cuts: HashMap::new(),
        transactions: 0,
        shared: 0,
        wide: 0,
        paused: HashSet::new(),
        delivered: HashSet::new(),
        cancelled: HashSet::new(),
        stands: HashMap::new(),
        released: HashSet::new(),
        holding: true,
        held: 0,
    };
    for turn in 0..300_000 {
        if trial.roll(40) == 0 {
            trial.pause_or_resume(turn < 20_000);
        }
        trial.holding = turn < 20_000;
        if trial.roll(80) == 0 {
            trial.release();
        }
        if trial.roll(60) == 0 {
            trial.cancel();
        }
        if trial.roll(20) == 0 {
            assert!(trial.window.entries.is_in_order());
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
                let (domain, read) = trial.reads.remove(at_random);
                trial.window.refilled(&domain, read, at(trial.now));
            }
            3 if !trial.under_way.is_empty() => trial.settle(),
            4 if !trial.look_ups.is_empty() => trial.locate(),
            _ => trial.step(),
        }
        if trial.delivered.len() + trial.cancelled.len() == total {
            return trial;
        }
    }
    panic!("{} of {total} delivered, {} cancelled", trial.delivered.len(), trial.cancelled.len());
}

#[test]
fn what_is_alike_is_shared_in_the_midst_of_all_that_happens() {
    let (mut shared, mut wide, mut held) = (0, 0, 0);
    for seed in 7..17 {
        let trial = run((0..300_u16).map(|n| (u8::try_from(n / 16).unwrap(), 0)).collect(), seed);
        (shared, held) = (shared + trial.shared, held + trial.held);
        wide += run((0..300_u16).map(|n| (u8::try_from(n % 5).unwrap(), 0)).collect(), seed).wide;
    }
    assert!(shared > 100 && wide > 10, "{shared} shared a transaction, {wide} of several domains");
    assert!(held > 5, "{held} were held");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_row_is_delivered_once(rows in proptest::collection::vec((any::<u8>(), 0_i64..20), 1..300), seed in any::<u64>()) {
        run(rows, seed);
    }
}
