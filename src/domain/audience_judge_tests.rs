use std::collections::HashMap;

use proptest::prelude::*;

use super::super::audience_story::{REMEMBERED, Story};
use super::*;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
const MINE: &str = "192.0.2.0/24";
const THEIRS: &str = "198.51.100.0/24";

fn hit<'a>(at_ms: i64, position: u16, address: &'a str, agent: &'a str) -> SeenHit<'a> {
    SeenHit { at: Timestamp::from_millis(1_000_000 + at_ms), position, address, agent, signals: 0 }
}

fn context(links: u16) -> Context {
    Context { mx: "mx.example.org".to_owned(), delivered_at: Some(Timestamp::from_millis(0)), first_try: true, links }
}

/// The rules that decided, in order.
fn told(links: u16, hits: &[SeenHit<'_>]) -> Vec<String> {
    let verdicts = judge(&AudienceRules::built_in(), &context(links), hits);
    verdicts.into_iter().map(|verdict| verdict.rule.to_string()).collect()
}

#[test]
fn three_links_at_once_are_a_burst_and_the_first_click_and_opens_of_that_client_go_with_it() {
    let hits = [
        hit(-70_000, 0, THEIRS, CHROME),
        hit(-9_000, 0, THEIRS, CHROME),
        hit(-8_000, 0, MINE, FIREFOX),
        hit(-3_000, 1, THEIRS, CHROME),
        hit(0, 2, THEIRS, CHROME),
        hit(400, 3, THEIRS, CHROME),
        hit(900, 4, THEIRS, CHROME),
        hit(5_000, 2, THEIRS, CHROME),
        hit(60_000, 2, THEIRS, CHROME),
    ];
    let human = "known-client";
    assert_eq!(told(9, &hits), [human, "burst", human, "burst", "burst", "burst", "burst", "burst", human]);
}

#[test]
fn a_person_who_reads_is_no_burst() {
    // One link again and again, two of many links, three within longer.
    assert!(told(9, &[0, 1, 2, 3, 4].map(|n| hit(n * 100, 1, MINE, CHROME))).iter().all(|rule| rule == "known-client"));
    let slow = [hit(0, 1, MINE, CHROME), hit(500, 2, MINE, CHROME), hit(2_600, 3, MINE, CHROME)];
    assert!(told(9, &slow).iter().all(|rule| rule == "known-client"));
    let opened = [hit(0, 0, MINE, CHROME), hit(100, 1, MINE, CHROME), hit(200, 0, MINE, CHROME)];
    assert!(told(1, &opened).iter().all(|rule| rule == "known-client"));
}

#[test]
fn every_link_of_a_mail_of_two_is_a_burst_and_the_only_one_of_a_mail_is_none() {
    let both = [hit(0, 1, THEIRS, CHROME), hit(1_900, 2, THEIRS, CHROME)];
    assert_eq!(told(2, &both), ["burst-of-every-link"; 2]);
    assert_eq!(told(3, &both), ["known-client"; 2]);
    assert_eq!(told(1, &both[..1]), ["known-client"]);
}

/// Clicks on as many links, one after the other.
fn in_order(links: u16, pause_ms: i64) -> Vec<SeenHit<'static>> {
    (1..=links).map(|n| hit(i64::from(n) * pause_ms, n, THEIRS, CHROME)).collect()
}

#[test]
fn all_links_in_order_without_a_longer_pause_are_a_chain_and_some_in_tabs_are_not() {
    assert_eq!(told(4, &in_order(4, 3_000)), ["chain-of-every-link"; 4]);
    assert_eq!(told(9, &in_order(6, 3_000)), ["chain"; 6]);
    // All three there are: whoever it was. Three of four in tabs by hand, five of nine, or all of them read.
    assert_eq!(told(3, &in_order(3, 1_300)), ["chain-of-every-link-by-many-clients"; 3]);
    for (links, clicks) in [(9, in_order(3, 1_300)), (4, in_order(3, 1_300)), (9, in_order(5, 1_300))] {
        assert!(told(links, &clicks).iter().all(|rule| rule == "known-client"), "{links}");
    }
    assert!(told(9, &in_order(9, 3_001)).iter().all(|rule| rule == "known-client"));
    // The same link again is no other link, and a chain that was cut by a pause is two.
    let again: Vec<_> = (0..20).map(|n| hit(n * 1_300, 1 + u16::try_from(n % 2).unwrap(), MINE, CHROME)).collect();
    assert!(told(9, &again).iter().all(|rule| rule == "known-client"));
    let mut cut = in_order(6, 1_300);
    cut.iter_mut().skip(3).for_each(|hit| hit.at = Timestamp::from_millis(hit.at.millis() + 2_000));
    assert!(told(9, &cut).iter().all(|rule| rule == "known-client"));
}

#[test]
fn a_chain_over_many_networks_is_one_and_a_person_beside_one_of_one_network_stays() {
    let networks = ["203.0.113.0/24", "192.0.2.0/24", "198.51.100.0/24"];
    let spread: Vec<_> = (1..=3).map(|n| hit(i64::from(n) * 1_300, n, networks[usize::from(n) - 1], CHROME)).collect();
    assert_eq!(told(3, &spread), ["chain-of-every-link-by-many-clients"; 3]);
    let mut beside = in_order(6, 1_300);
    beside.push(hit(3_000, 2, MINE, FIREFOX));
    assert_eq!(told(6, &beside)[..], [&["chain-of-every-link"; 6][..], &["known-client"]].concat());
}

#[test]
fn a_person_who_clicks_amid_a_burst_of_one_client_stays_one() {
    let hits = [
        hit(0, 1, THEIRS, CHROME),
        hit(300, 2, MINE, FIREFOX),
        hit(400, 2, THEIRS, CHROME),
        hit(800, 3, THEIRS, CHROME),
    ];
    assert_eq!(told(5, &hits), ["burst", "known-client", "burst", "burst"]);
}

#[test]
fn many_addresses_together_are_a_burst() {
    let hits = [
        hit(0, 1, "203.0.113.0/24", CHROME),
        hit(300, 2, "192.0.2.0/24", CHROME),
        hit(900, 3, "198.51.100.0/24", FIREFOX),
    ];
    assert_eq!(told(9, &hits), ["burst-of-many-clients"; 3]);
}

#[test]
fn a_client_that_changes_its_agent_is_known_by_its_network_and_another_one_there_is_not() {
    let before = |agent| hit(-5_000, 0, THEIRS, agent);
    let one = |agent| [hit(0, 1, THEIRS, CHROME), hit(10, 2, THEIRS, CHROME), hit(20, 3, THEIRS, agent)];
    let first = |open, clicks: [SeenHit<'_>; 3]| told(9, &[&[open][..], &clicks[..]].concat())[0].clone();
    assert_eq!(first(before("Mozilla/5.0 (other)"), one(CHROME)), "browser-like");
    assert_eq!(first(before("Mozilla/5.0 (other)"), one(FIREFOX)), "burst");
    assert_eq!(first(before(CHROME), one(CHROME)), "burst");
}

#[test]
fn where_no_network_is_kept_the_agent_has_to_do() {
    let hits = [hit(-900, 0, "", CHROME), hit(0, 1, "", CHROME), hit(10, 2, "", CHROME), hit(20, 3, "", CHROME)];
    assert_eq!(told(9, &hits), ["burst"; 4]);
    let nothing = [hit(-900, 0, "", ""), hit(0, 1, "", ""), hit(10, 2, "", ""), hit(20, 3, "", "")];
    let many = "burst-of-many-clients";
    assert_eq!(told(9, &nothing), ["no-agent", many, many, many]);
}

#[test]
fn what_said_that_it_fetches_ahead_makes_no_burst_and_what_is_a_machines_stays() {
    let ahead = |n: i64, position| SeenHit { signals: 1, ..hit(n, position, MINE, CHROME) };
    assert_eq!(told(9, &[ahead(0, 1), ahead(1, 2), hit(2, 3, MINE, CHROME)])[2], "known-client");
    let library = "python-requests/2.31";
    let hits = [hit(0, 1, MINE, library), hit(1, 2, MINE, library), hit(2, 3, MINE, CHROME)];
    assert_eq!(told(9, &hits), ["program-library", "program-library", "burst"]);
}

#[test]
fn a_hit_whose_text_is_gone_keeps_its_class_and_still_tells_of_its_neighbours() {
    let rules = AudienceRules::built_in();
    let clicks = [hit(0, 1, MINE, CHROME), hit(1, 2, MINE, CHROME), hit(2, 3, MINE, "")];
    let was = Verdict { class: Audience::Human, rule: "of old".into() };
    let weighed = [
        Weighed::new(&rules, &context(9), &clicks[0]),
        Weighed::new(&rules, &context(9), &clicks[1]),
        Weighed::fixed(&clicks[2], was.clone()),
    ];
    let verdicts = judge_together(&rules, &context(9), &weighed.iter().collect::<Vec<_>>());
    assert_eq!((&*verdicts[0].rule, &*verdicts[1].rule, verdicts[2]), ("burst", "burst", &was));
}

/// Hits of one delivery as they may be: a few clients, close together in time.
fn some_hits() -> impl Strategy<Value = Vec<(i64, u16, usize, usize, u8)>> {
    let one = (0_i64..20_000, 0_u16..6, 0_usize..4, 0_usize..4, prop::sample::select(vec![0_u8, 0, 0, 1, 2]));
    prop::collection::vec(one, 0..60)
}

fn seen(told: (i64, u16, usize, usize, u8)) -> SeenHit<'static> {
    let (at_ms, position, network, agent, signals) = told;
    let network = ["", MINE, THEIRS, "40.94.31.0/24"][network];
    let agent = ["", CHROME, FIREFOX, "python-requests/2.31"][agent];
    SeenHit { signals, ..hit(at_ms, position, network, agent) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the order in which hits arrive, and whether each is judged as it comes or all at last.
    #[test]
    fn living_is_judging_at_last(
        (hits, arrival) in some_hits().prop_flat_map(|hits| {
            let order: Vec<usize> = (0..hits.len()).collect();
            (Just(hits), Just(order).prop_shuffle())
        }),
        links in 0_u16..6,
    ) {
        let rules = AudienceRules::built_in();
        let hits: Vec<SeenHit<'_>> = hits.into_iter().map(seen).collect();
        let at_last = judge(&rules, &context(links), &hits);
        let mut story = Story::new(context(links));
        let mut lived = HashMap::new();
        for index in arrival {
            let seq = i64::try_from(index).unwrap();
            story.push(seq, Weighed::new(&rules, story.context(), &hits[index]), None);
            for change in story.judge(&rules) {
                prop_assert_eq!(lived.insert(change.seq, change.verdict.class), change.from);
            }
        }
        for (index, verdict) in at_last.iter().enumerate() {
            prop_assert_eq!(lived.get(&i64::try_from(index).unwrap()), Some(&verdict.class), "hit {}", index);
        }
    }
}

#[test]
fn a_story_remembers_a_bounded_number_of_hits() {
    let rules = AudienceRules::built_in();
    let mut story = Story::new(context(9));
    let mut forgotten = Vec::new();
    for n in 0..10_000 {
        let weighed = Weighed::new(&rules, story.context(), &hit(n / 100, 1, MINE, CHROME));
        forgotten.extend(story.push(n, weighed, None).map(|told| told.seq));
        assert_eq!(story.judge(&rules).len(), 1);
    }
    assert_eq!(forgotten.len(), 10_000 - REMEMBERED);
    assert_eq!(forgotten.last(), Some(&(9_999 - i64::try_from(REMEMBERED).unwrap())));
}
