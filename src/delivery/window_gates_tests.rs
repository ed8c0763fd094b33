//! What the window does for the first deliveries of a campaign.

use super::tests::{at, copy_of, due, limits_of};
use super::*;
use crate::domain::canary::CanaryState::{Held, Passed, Trying};
use crate::domain::{Campaign, Mode, campaign};

const SITE: &str = "mx.big.example";

/// Five go first.
fn window(domains: &[&str]) -> Window {
    let mut window = Window::new(Limits { first: 5, ..limits_of(100, 1_000) }, vec![]);
    domains.iter().for_each(|domain| {
        window.learn_site(&Domain::parse(domain).unwrap(), SITE, at(0));
    });
    window
}

/// All that leaves now; a read finds nothing.
fn leaving(window: &mut Window) -> Vec<Due> {
    let mut left = Vec::new();
    loop {
        match window.next(at(0)) {
            Step::Deliver(dues) => left.extend(dues),
            Step::Refill(domain, _) => {
                window.shut_to(&domain);
                window.refilled(&domain, Refill { due: vec![], more: false, later: None, through: 0 }, at(0));
            }
            Step::Locate(_) => panic!("a known site is looked for"),
            Step::Wait(_) => return left,
        }
    }
}

/// The domains that are read now.
fn reads(window: &mut Window) -> Vec<String> {
    let mut reads = Vec::new();
    while let Step::Refill(domain, _) = window.next(at(0)) {
        window.refilled(&domain, Refill { due: vec![], more: false, later: None, through: 0 }, at(0));
        reads.push(domain.to_string());
    }
    reads.sort();
    reads
}

#[test]
fn the_rest_waits_at_all_domains_of_a_site_until_the_first_were_tried() {
    let mut window = window(&["a.example", "b.example"]);
    (0..20).for_each(|n| window.accepted(due(n, if n % 2 == 0 { "a.example" } else { "b.example" }, 0), at(0)));
    let first = leaving(&mut window);
    assert_eq!((first.len(), window.entries.loaded()), (5, 0));
    let site = Arc::from(SITE);
    assert!(first.iter().all(|due| window.first_at(due).as_ref() == Some(&site)));
    for (n, due) in (1..).zip(&first[..4]) {
        window.learn_stand(due.campaign, SITE, Trying, n, at(0));
        window.settled(due, None, at(0));
        assert!(reads(&mut window).is_empty());
    }
    window.learn_stand(first[4].campaign, SITE, Passed, 5, at(0));
    window.settled(&first[4], None, at(0));
    assert_eq!(reads(&mut window), ["a.example", "b.example"]);
    (30..60).for_each(|n| window.accepted(due(n, "a.example", 0), at(0)));
    assert_eq!(leaving(&mut window).len(), 30);
}

#[test]
fn what_is_held_waits_for_a_person_and_what_was_tried_does_not() {
    let mut window = window(&["a.example"]);
    window.learn_stand(CampaignId::from_raw(9), SITE, Held, 5, at(0));
    window.accepted(due(1, "a.example", 0), at(0));
    window.accepted(Due { attempts: 1, lane: 3, ..due(2, "a.example", 0) }, at(0));
    window.accepted(Due { lane: 0, ..due(3, "a.example", 0) }, at(0));
    window.accepted(Due { mode: Mode::Sandbox, ..due(4, "a.example", 0) }, at(0));
    let unnamed = Campaign::new(campaign::NONE, Mode::Live).id();
    window.accepted(Due { campaign: unnamed, ..due(5, "a.example", 0) }, at(0));
    let mut left: Vec<_> = leaving(&mut window).iter().map(|due| due.delivery.raw()).collect();
    left.sort_unstable();
    assert_eq!(left, [2, 3, 4, 5]);
    assert_eq!(window.shut_to(&Domain::parse("a.example").unwrap()).len(), 1);
    window.release_rest(CampaignId::from_raw(9), at(0));
    assert_eq!(reads(&mut window), ["a.example"]);
    // What is heard of late changes nothing any more.
    window.learn_stand(CampaignId::from_raw(9), SITE, Held, 5, at(0));
    window.accepted(due(6, "a.example", 0), at(0));
    assert_eq!(leaving(&mut window).len(), 1);
}

#[test]
fn one_of_the_first_that_was_not_tried_makes_room_for_another() {
    let mut window = window(&["a.example"]);
    (0..9).for_each(|n| window.accepted(due(n, "a.example", 0), at(0)));
    let first = leaving(&mut window);
    assert_eq!(first.len(), 5);
    window.settled(&first[0], None, at(0));
    assert_eq!(reads(&mut window), ["a.example"]);
    (20..23).for_each(|n| window.accepted(due(n, "a.example", 0), at(0)));
    assert_eq!(leaving(&mut window).len(), 1);
}

#[test]
fn copies_that_are_alike_are_no_more_than_the_first() {
    let mut window = window(&["a.example", "b.example"]);
    (0..40).for_each(|n| window.accepted(copy_of(1, n, if n < 3 { "a.example" } else { "b.example" }), at(0)));
    let Step::Deliver(first) = window.next(at(0)) else { panic!() };
    assert_eq!(first.len(), 5);
    assert!(leaving(&mut window).is_empty() && window.entries.is_in_order());
}
