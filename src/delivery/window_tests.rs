//! The window alone.

use super::super::providers::Start;
use super::*;
use crate::domain::{Address, CampaignId, MessageId, Mode, Selection};

pub(super) fn due(n: i64, domain: &str, at: i64) -> Due {
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
        alike: false,
        commit: 1,
    }
}

fn read(due: Vec<Due>) -> Refill {
    Refill { due, more: false, later: None, through: 0 }
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// Transactions to one site.
pub(super) const PER_SITE: usize = 2;

pub(super) fn limits_of(connections: u32, in_all: usize) -> Limits {
    let start = Start { connections, messages_per_connection: 100, messages_per_second: None };
    Limits { sites: Arc::new(Providers::none(start)), in_all, first: 0 }
}

pub(super) fn limits() -> Limits {
    limits_of(2, 5)
}

/// What is next when the DNS finds no site.
pub(super) fn step(window: &mut Window, now: i64) -> Step {
    loop {
        match window.next(at(now)) {
            Step::Locate(domain) => window.located(&domain, Some(domain.as_str()), at(now)),
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
    assert!(matches!(step(&mut window, 1), Step::Deliver(d) if d[0].address.domain().as_str() == "good.example"));
    assert!(window.entries.get_mut(&Domain::parse("hang.example").unwrap()).unwrap().loaded.len() <= LOADED_MAX);
}

#[test]
fn what_is_settled_while_a_read_is_under_way_is_not_sent_twice() {
    let mut window =
        Window::new(limits(), vec![Head { domain: Domain::parse("a.example").unwrap(), waiting: 2, next_at: at(0) }]);
    let Step::Refill(domain, _) = step(&mut window, 0) else { panic!() };
    window.refilled(&domain, read(vec![due(1, "a.example", 0)]), at(0));
    let Step::Deliver(first) = step(&mut window, 0) else { panic!() };
    // Another arrives on the disk, so the domain is read again while the first is under way.
    window.entry(&domain).more = true;
    window.place(&domain, at(0));
    let Step::Refill(..) = step(&mut window, 0) else { panic!() };
    window.settled(&first[0], None, at(0));
    window.refilled(&domain, read(vec![due(1, "a.example", 0), due(2, "a.example", 0)]), at(0));
    assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d[0].delivery.raw() == 2));
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
            Step::Locate(domain) => window.located(&domain, Some("mx.big.example"), at(0)),
            Step::Deliver(d) => under_way.extend(d),
            Step::Refill(..) => panic!("all is loaded"),
            Step::Wait(_) => {
                assert!(under_way.len() <= 2);
                let Some(d) = under_way.pop_front() else { break };
                window.learn_site(d.address.domain(), "mx.big.example", at(0));
                window.settled(&d, None, at(0));
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 9);
    // It is known also after all have left.
    window.accepted(due(10, "d1.example", 0), at(0));
    assert!(window.entries.domains().count() == 1 && matches!(window.next(at(0)), Step::Deliver(_)));
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
        window.learn_site(d[0].address.domain(), "mx.big.example", at(0));
        window.settled(&d[0], Some(at(1)), at(0));
    }
    assert!(matches!(window.next(at(0)), Step::Locate(_)));
    window.located(&Domain::parse("d3.example").unwrap(), Some("mx.big.example"), at(0));
    let again: Vec<_> = (0..2).map(|_| window.next(at(0))).collect();
    assert!(matches!(&again[0], Step::Deliver(d) if d[0].delivery.raw() == 3), "{again:?}");
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
                    window.settled(&d[0], Some(at(n + 2)), at(n));
                }
                Step::Refill(domain, _) => {
                    let found = Refill { later: Some(at(1_000_000)), ..read(vec![due(10_000 + n, "a.example", 0)]) };
                    window.refilled(&domain, found, at(n));
                }
                Step::Locate(_) => unreachable!(),
                Step::Wait(_) => break,
            }
        }
        assert!(window.timers.count() <= 1, "{}", window.timers.count());
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
        window.located(&domain, Some(&format!("mx.{domain}")), at(0));
    };
    assert!(matches!(next(&mut window, false), Step::Deliver(d) if d[0].delivery.raw() == 3));
    assert!(matches!(next(&mut window, false), Step::Wait(None)));
    let Step::Deliver(first) = next(&mut window, true) else { panic!() };
    assert_eq!(first[0].delivery.raw(), 1);
    assert!(matches!(next(&mut window, false), Step::Wait(None)));
    window.settled(&first[0], None, at(0));
    assert!(matches!(next(&mut window, false), Step::Wait(None)));
    assert!(matches!(next(&mut window, true), Step::Deliver(d) if d[0].delivery.raw() == 2));
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
    assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d[0].delivery.raw() == 3));
    assert!(matches!(step(&mut window, 0), Step::Wait(_)));
    window.release(&paused, at(0));
    let Step::Refill(..) = step(&mut window, 0) else { panic!() };
    window.refilled(&domain, read(vec![of(1, 5), of(2, 5)]), at(0));
    assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d[0].delivery.raw() == 1));
}

#[test]
fn a_withheld_domain_leaves_its_permit_to_others_of_its_site() {
    let mut window = Window::new(limits_of(1, 5), vec![]);
    for (n, domain) in [(1, "a.example"), (2, "b.example"), (3, "c.example")] {
        window.entry(&Domain::parse(domain).unwrap());
        window.learn_site(&Domain::parse(domain).unwrap(), "mx.big.example", at(0));
        window.accepted(due(n, domain, 0), at(0));
    }
    let Step::Deliver(first) = step(&mut window, 0) else { panic!() };
    assert!(matches!(step(&mut window, 0), Step::Wait(_)));
    window.withhold(Selection::Domain(Domain::parse("b.example").unwrap()));
    window.settled(&first[0], None, at(0));
    assert!(matches!(step(&mut window, 0), Step::Deliver(d) if d[0].delivery.raw() == 3));
}

#[test]
fn what_waits_for_a_read_gets_it_also_behind_paused_domains() {
    let name = |n: usize| Domain::parse(&format!("d{n}.example")).unwrap();
    let heads = (0..=2 * READS_MAX).map(|n| Head { domain: name(n), waiting: 1, next_at: at(0) });
    let mut window = Window::new(limits(), heads.collect());
    let mut reads = Vec::new();
    while let Step::Refill(domain, _) = step(&mut window, 0) {
        reads.push(domain);
    }
    assert_eq!(reads.len(), READS_MAX);
    (READS_MAX..2 * READS_MAX).for_each(|n| window.withhold(Selection::Domain(name(n))));
    reads.iter().for_each(|domain| window.refilled(domain, read(vec![]), at(0)));
    assert!(matches!(step(&mut window, 0), Step::Refill(domain, _) if domain == name(2 * READS_MAX)));
}

#[test]
fn a_million_waiting_in_many_domains_are_not_all_loaded() {
    let heads = (0..10_000).map(|n| Head {
        domain: Domain::parse(&format!("d{n}.example")).unwrap(),
        waiting: 100,
        next_at: at(0),
    });
    let mut window = Window::new(limits_of(20_000, 1_000_000), heads.collect());
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
                window.refilled(&domain, Refill { more: asked <= 100, ..read(rows) }, at(0));
            }
        }
        assert!(reads.len() <= READS_MAX && window.entries.loaded() <= LOADED_IN_ALL + 10_000 + LOADED_MAX * READS_MAX);
    }
    assert!(window.entries.is_in_order());
}

pub(super) fn copy_of(message: i64, n: i64, domain: &str) -> Due {
    Due { message: MessageId::from_raw(message), alike: true, ..due(n, domain, 0) }
}

#[test]
fn a_thousand_copies_that_are_alike_take_twenty_transactions() {
    let domain = Domain::parse("a.example").unwrap();
    let mut window = Window::new(limits(), vec![]);
    let rows: Vec<_> = (0..1_000).map(|n| copy_of(1, n, "a.example")).collect();
    rows.iter().for_each(|row| window.accepted(row.clone(), at(0)));
    let (mut transactions, mut settled, mut under_way) = (0, HashSet::new(), VecDeque::new());
    loop {
        match step(&mut window, 0) {
            Step::Deliver(dues) => {
                assert_eq!(dues.len(), 50);
                transactions += 1;
                under_way.push_back(dues);
            }
            Step::Refill(_, asked) => {
                let gone: HashSet<_> = settled.union(&window.under_way_to(&domain)).copied().collect();
                let left: Vec<_> = rows.iter().filter(|row| !gone.contains(&row.delivery)).cloned().collect();
                let (due, more) = (left.iter().take(asked).cloned().collect(), left.len() > asked);
                window.refilled(&domain, Refill { more, ..read(due) }, at(0));
            }
            Step::Locate(_) => unreachable!(),
            Step::Wait(_) => {
                let Some(dues) = under_way.pop_front() else { break };
                for due in dues {
                    // A transaction keeps its permit until the last of it has ended.
                    assert!(matches!(step(&mut window, 0), Step::Wait(_)));
                    assert!(settled.insert(due.delivery));
                    window.settled(&due, None, at(0));
                }
            }
        }
    }
    assert_eq!((transactions, settled.len()), (20, 1_000));
}

#[test]
fn only_copies_of_one_message_and_spelling_leave_together() {
    let mut window = Window::new(limits_of(20, 20), vec![]);
    let tracked = |n| Due { alike: false, ..copy_of(1, n, "a.example") };
    let kept = |n| Due { mode: Mode::Sandbox, ..copy_of(3, n, "b.example") };
    let spelt = Due { address: Address::parse("jos\u{e9}@a.example").unwrap(), ..copy_of(2, 5, "a.example") };
    let mut rows = vec![tracked(1), tracked(2), copy_of(2, 3, "a.example"), copy_of(4, 4, "a.example"), spelt];
    rows.extend([copy_of(2, 6, "a.example"), copy_of(2, 7, "c.example"), kept(8), kept(9)]);
    rows.into_iter().for_each(|row| window.accepted(row, at(0)));
    let mut groups = Vec::new();
    while let Step::Deliver(dues) = step(&mut window, 0) {
        groups.push(dues.iter().map(|due| due.delivery.raw()).collect::<Vec<_>>());
    }
    groups.sort();
    assert_eq!(groups, [&[1][..], &[2], &[3, 6], &[4], &[5], &[7], &[8], &[9]]);
}
