//! What the window does for sites: transactions over their domains, and their pace.

use super::super::pace::Word;
use super::super::providers::Start;
use super::tests::{at, copy_of, due, limits, limits_of, step};
use super::*;
use crate::domain::{Selection, Site};

/// Gives all that leaves, each transaction as its domains, while every domain's site is that of `site_of`.
fn leaving(window: &mut Window, site_of: impl Fn(&str) -> &'static str) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    loop {
        match window.next(at(0)) {
            Step::Locate(domain) => window.located(&domain, Some(site_of(domain.as_str())), at(0)),
            Step::Deliver(dues) => {
                groups.push(dues.iter().map(|due| due.address.domain().to_string()).collect());
                dues.iter().for_each(|due| window.settled(due, None, at(0)));
            }
            Step::Refill(..) => panic!("a read of what is loaded"),
            Step::Wait(until) => {
                assert_eq!(until, None);
                return groups;
            }
        }
    }
}

#[test]
fn copies_for_a_thousand_domains_of_one_site_take_few_transactions() {
    let mut window = Window::new(limits(), vec![]);
    (0..1_000).for_each(|n| window.accepted(copy_of(1, n, &format!("d{n}.example")), at(0)));
    (1_000..1_010).for_each(|n| window.accepted(copy_of(1, n, &format!("e{n}.example")), at(0)));
    (1_010..1_020).for_each(|n| window.accepted(copy_of(2, n, "d0.example"), at(0)));
    let site = |domain: &str| if domain.starts_with('d') { "mx.big.example" } else { "mx.other.example" };
    let groups = leaving(&mut window, site);
    let kinds = |group: &Vec<String>| group.iter().map(|domain| site(domain)).collect::<HashSet<_>>().len();
    assert!(groups.iter().all(|group| group.len() <= 50 && kinds(group) == 1), "{groups:?}");
    assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 1_020);
    assert_eq!(groups.len(), 20 + 1 + 1);
    assert_eq!(window.entries.domains().count(), 0);
}

#[test]
fn who_moved_to_another_site_leaves_with_those_there() {
    let mut window = Window::new(limits(), vec![]);
    for (n, domain) in ["a.example", "b.example", "c.example", "d.example"].into_iter().enumerate() {
        let site = if n < 2 { "one.example" } else { "two.example" };
        window.learn_site(&Domain::parse(domain).unwrap(), site, at(0));
        window.accepted(copy_of(1, i64::try_from(n).unwrap(), domain), at(0));
    }
    window.learn_site(&Domain::parse("b.example").unwrap(), "two.example", at(0));
    let groups = leaving(&mut window, |_| unreachable!());
    assert_eq!(groups, [vec!["a.example"], vec!["b.example", "c.example", "d.example"]]);
}

#[test]
fn a_site_that_was_slowed_down_is_taken_up_when_it_has_cooled_and_holds_up_nobody() {
    let mut window = Window::new(limits_of(4, 100), vec![]);
    (0..20).for_each(|n| window.accepted(due(n, "slow.example", 0), at(0)));
    let Step::Deliver(first) = step(&mut window, 0) else { panic!() };
    window.hear(first[0].delivery, Word::TooFast, "421 4.7.0 slow down", at(0), at(10));
    window.settled(&first[0], Some(at(60_000)), at(10));
    assert!(matches!(step(&mut window, 10), Step::Wait(Some(until)) if until == at(5_010)));
    window.accepted(due(99, "good.example", 0), at(20));
    assert!(matches!(step(&mut window, 20), Step::Deliver(d) if d[0].delivery.raw() == 99));
    assert!(matches!(step(&mut window, 5_009), Step::Wait(_)));
    // Half of its four, and one message in the time that was learned.
    let Step::Deliver(second) = step(&mut window, 5_010) else { panic!() };
    let Step::Wait(Some(next)) = step(&mut window, 5_010) else { panic!() };
    assert!(next > at(5_010) && next < at(10_000), "{next}");
    let state = window.sites(at(5_010)).into_iter().find(|state| state.site == "slow.example").unwrap();
    assert_eq!((state.connections, state.in_flight, state.waiting, state.usual), (2, 1, 1, false));
    assert_eq!(state.last.unwrap().1, "421 4.7.0 slow down");
    window.settled(&second[0], None, at(5_020));
    let mut under_way = 0;
    while let Step::Deliver(_) = step(&mut window, 60_000) {
        under_way += 1;
    }
    assert!((1..=2).contains(&under_way), "{under_way}");
}

#[test]
fn a_rate_is_kept_to_over_all_domains_of_a_site() {
    let start = Start { connections: 50, messages_per_connection: 100, messages_per_second: Some(10.0) };
    let mut window = Window::new(Limits { sites: Arc::new(Providers::none(start)), in_all: 1_000, first: 0 }, vec![]);
    for n in 0..300 {
        let domain = format!("d{}.example", n % 30);
        window.learn_site(&Domain::parse(&domain).unwrap(), "mx.big.example", at(0));
        window.accepted(due(n, &domain, 0), at(0));
    }
    let (mut now, mut begun) = (0, Vec::new());
    while now < 60_000 {
        match window.next(at(now)) {
            Step::Deliver(dues) => {
                begun.push(now);
                dues.iter().for_each(|due| window.settled(due, None, at(now)));
            }
            Step::Wait(Some(until)) => now = until.millis(),
            Step::Wait(None) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(begun.len(), 300);
    let most = (0..30).map(|s| begun.iter().filter(|at| **at / 1_000 == s).count()).max().unwrap();
    assert!(most <= 20 && (28_000..31_000).contains(&now), "{most} within a second, {now} in all");
}

fn of_campaign(n: i64, campaign: i64, lane: u8, domain: &str) -> Due {
    Due { campaign: CampaignId::from_raw(campaign), lane, ..due(n, domain, 0) }
}

/// What leaves, by campaign, while each ends at once; a read brings what `disk` says.
fn campaigns_leaving(window: &mut Window, count: usize) -> Vec<i64> {
    let mut left = Vec::new();
    while left.len() < count {
        match step(window, 0) {
            Step::Deliver(dues) => {
                left.push(dues[0].campaign.raw());
                window.settled(&dues[0], None, at(0));
            }
            Step::Refill(domain, asked) => {
                // Of the large one there is always more.
                let rows =
                    (0..asked).map(|n| of_campaign(1_000_000 + i64::try_from(n).unwrap(), 1, 1, domain.as_str()));
                let read = Refill { due: rows.collect(), more: true, later: None, through: 0 };
                window.refilled(&domain, read, at(0));
            }
            other => panic!("{other:?}"),
        }
    }
    left
}

#[test]
fn a_campaign_that_comes_late_takes_its_turn_beside_a_large_one() {
    let mut window = Window::new(limits(), vec![]);
    // More than is loaded: some of the large campaign is on the disk only.
    (0..1_000).for_each(|n| window.accepted(of_campaign(n, 1, 1, "a.example"), at(0)));
    (2_000..2_010).for_each(|n| window.accepted(of_campaign(n, 2, 1, "a.example"), at(0)));
    let left = campaigns_leaving(&mut window, 20);
    assert_eq!(left.iter().filter(|campaign| **campaign == 2).count(), 10, "{left:?}");
}

#[test]
fn urgent_mail_and_fresh_mail_do_not_wait_behind_others() {
    let mut window = Window::new(limits(), vec![]);
    (0..150).for_each(|n| window.accepted(of_campaign(n, 1, 3, "a.example"), at(0)));
    (200..1_000).for_each(|n| window.accepted(of_campaign(n, 1, 1, "a.example"), at(0)));
    window.accepted(of_campaign(5_000, 7, 0, "a.example"), at(0));
    let left = campaigns_leaving(&mut window, 21);
    assert_eq!(left[0], 7);
    assert!(
        window.entries.get(&Domain::parse("a.example").unwrap()).unwrap().loaded.count_of(3, CampaignId::from_raw(1))
            > 0
    );
}

#[test]
fn a_campaign_of_many_domains_leaves_another_its_turn_at_their_site() {
    let mut window = Window::new(limits(), vec![]);
    let learn = |window: &mut Window, domain: &str| {
        window.learn_site(&Domain::parse(domain).unwrap(), "mx.big.example", at(0));
    };
    for n in 0..500 {
        let domain = format!("d{n}.example");
        learn(&mut window, &domain);
        window.accepted(of_campaign(n, 1, 1, &domain), at(0));
    }
    learn(&mut window, "small.example");
    (1_000..1_010).for_each(|n| window.accepted(of_campaign(n, 2, 1, "small.example"), at(0)));
    let mut left = Vec::new();
    let (mut under_way, mut urgent) = (VecDeque::new(), None);
    while left.len() < 100 {
        match window.next(at(0)) {
            Step::Deliver(dues) => {
                left.push(dues[0].campaign.raw());
                under_way.push_back(dues[0].clone());
            }
            Step::Wait(_) => {
                let due = under_way.pop_front().unwrap();
                window.settled(&due, None, at(0));
                if left.len() == 60 {
                    // It comes to a domain that waits among hundreds.
                    window.accepted(of_campaign(9_000, 3, 0, "d499.example"), at(0));
                    urgent = Some(left.len());
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let of = |campaign: i64| left.iter().position(|other| *other == campaign);
    assert_eq!(left.iter().take(30).filter(|campaign| **campaign == 2).count(), 10, "{left:?}");
    assert!(of(3).unwrap() <= urgent.unwrap() + 2, "{left:?}");
}

fn held(name: &str) -> Selection {
    Selection::Site(Site::parse(name).unwrap())
}

/// A domain of whom this many wait in the queue, at a start.
fn head(domain: &str) -> Head {
    Head { domain: Domain::parse(domain).unwrap(), waiting: 1, next_at: at(0) }
}

#[test]
fn the_site_of_a_domain_is_looked_for_before_it_is_known_to_be_held() {
    let mut window = Window::new(limits(), vec![head("a.example"), head("b.example")]);
    window.withhold(held("mx.big.example"));
    let mut left = Vec::new();
    loop {
        match window.next(at(0)) {
            Step::Refill(domain, _) => {
                let n = i64::from(domain.as_str() == "b.example");
                let due = vec![due(n, domain.as_str(), 0)];
                window.refilled(&domain, Refill { due, more: false, later: None, through: 0 }, at(0));
            }
            Step::Locate(domain) => {
                let site = if domain.as_str() == "a.example" { "mx.big.example" } else { "mx.b.example" };
                window.located(&domain, Some(site), at(0));
            }
            Step::Deliver(dues) => left.extend(dues.iter().map(|due| due.delivery.raw())),
            Step::Wait(_) => break,
        }
    }
    assert_eq!((left, window.entries.loaded()), (vec![1], 0));
    // What waits is not in memory; what comes while it is held is left in the queue, too.
    window.accepted(due(7, "a.example", 0), at(1));
    assert!(matches!(window.next(at(1)), Step::Wait(None)) && window.entries.loaded() == 0);
    window.release(&held("mx.big.example"), at(2));
    assert!(matches!(window.next(at(2)), Step::Refill(domain, _) if domain.as_str() == "a.example"));
}

#[test]
fn a_domain_that_moves_to_a_held_site_waits_and_one_that_leaves_it_goes() {
    let mut window = Window::new(limits(), vec![]);
    let (a, b) = (Domain::parse("a.example").unwrap(), Domain::parse("b.example").unwrap());
    window.withhold(held("two.example"));
    window.learn_site(&a, "one.example", at(0));
    window.learn_site(&b, "one.example", at(0));
    (0..6).for_each(|n| window.accepted(due(n, if n % 2 == 0 { "a.example" } else { "b.example" }, 0), at(0)));
    let Step::Deliver(first) = window.next(at(0)) else { panic!() };
    let Step::Deliver(_) = window.next(at(0)) else { panic!() };
    assert!(matches!(window.next(at(0)), Step::Wait(None)));
    window.learn_site(first[0].address.domain(), "two.example", at(0));
    window.settled(&first[0], None, at(0));
    let Step::Deliver(next) = window.next(at(0)) else { panic!() };
    assert_eq!(next[0].address.domain(), &b);
    window.settled(&next[0], None, at(0));
    let Step::Deliver(last) = window.next(at(0)) else { panic!() };
    assert_eq!(last[0].address.domain(), &b);
    assert!(matches!(window.next(at(0)), Step::Wait(None)));
    window.learn_site(&a, "one.example", at(0));
    window.release(&held("two.example"), at(0));
    window.settled(&last[0], None, at(0));
    assert!(matches!(window.next(at(0)), Step::Refill(domain, _) if domain == a));
}
