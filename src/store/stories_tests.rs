//! Hits judged with those before them, in the store.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::ledger::{self, TextField};
use super::tests::{admission, ok, open, settlement};
use super::writer::Lane;
use super::{Correction, Due, FILE, NewHit, Rejudging, Settlement, Store, StoreError, rejudge, schema, verify};
use crate::clock::Clock;
use crate::domain::audience_story::REMEMBERED;
use crate::domain::{Audience, AudienceRules, Campaign, Fact, Metric, Mode, Outcome, Timestamp};

const THEIRS: &str = "198.51.100.0/24";

/// Whoever names this agent is of that class, by the built-in rules.
pub(super) fn agent_of(class: Audience) -> &'static str {
    match class {
        Audience::Human => "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
        Audience::Proxy => "YahooMailProxy; https://help.yahoo.com/",
        Audience::Unknown => "curl/8.1",
        Audience::Prefetch => "Mozilla/5.0",
        Audience::Scanner => "python-requests/2.31",
    }
}

/// A hit of a person's program, so many milliseconds after `began`.
fn hit(due: &Due, began: Timestamp, after_ms: u64, position: u16) -> NewHit {
    NewHit {
        delivery: due.delivery,
        position,
        pattern: position.into(),
        target: if position == 0 { String::new() } else { format!("https://shop.example/{position}") },
        agent: agent_of(Audience::Human).to_owned(),
        signals: 0,
        address: THEIRS.to_owned(),
        at: began + Duration::from_millis(after_ms),
    }
}

async fn note(store: &Store, hit: NewHit) {
    store.hits().note(hit).unwrap().await.unwrap().unwrap();
}

/// One delivery that `mx` took just now, with nine links.
async fn delivered(store: &Store, mx: &str) -> (Due, Timestamp) {
    let (_, mut dues) = store.queue().accept(admission(&["a@x.example"], b"hi")).await.unwrap();
    let due = dues.remove(0);
    let mut settlement = Settlement { links: 9, ..settlement(&due, Outcome::Delivered(ok())) };
    settlement.attempt.mx = mx.to_owned();
    let at = settlement.at;
    store.queue().settle(settlement).await.unwrap();
    (due, at)
}

/// Everything the ledger says of hits: seq and class, then what was judged anew as (seq of the hit, from, to, rule).
type Said = (Vec<(i64, Audience)>, Vec<(i64, Audience, Audience, String)>);

fn said(folder: &Path) -> Said {
    let conn = schema::open_reader(&folder.join(FILE)).unwrap();
    let (mut hits, mut anew) = (Vec::new(), Vec::new());
    for event in ledger::slice(&conn, 1, 0, 1_000_000).unwrap() {
        match event.fact {
            Fact::Opened(hit) | Fact::Clicked(hit) => hits.push((event.seq, hit.class)),
            Fact::Reclassified { hit, from, hit_seq, .. } => anew.push((hit_seq, from, hit.class, hit.rule)),
            _ => {}
        }
    }
    (hits, anew)
}

/// The class of each hit now, by its place in the ledger.
fn classes(folder: &Path) -> Vec<Audience> {
    let (hits, anew) = said(folder);
    let now: HashMap<i64, Audience> = anew.into_iter().map(|(seq, _, to, _)| (seq, to)).collect();
    hits.into_iter().map(|(seq, class)| now.get(&seq).copied().unwrap_or(class)).collect()
}

async fn counts(store: &Store) -> [i64; 4] {
    let report = store.reports().campaign(Campaign::new("spring", Mode::Live).id()).await.unwrap().unwrap();
    let counts = report.row.counts;
    [Metric::OpenedHuman, Metric::ClickedHuman, Metric::ClickedScanner, Metric::ClickEvents].map(|m| counts[m])
}

fn found(folder: &Path, rules: &AudienceRules, which: &Rejudging) -> Vec<Correction> {
    let mut all = Vec::new();
    let seen = rejudge::<StoreError>(&folder.join(FILE), rules, which, |some| {
        all.extend(some);
        Ok(())
    });
    assert_eq!(seen.unwrap().of_others, 0);
    all
}

#[track_caller]
fn agrees(folder: &Path) {
    let verified = verify(&folder.join(FILE), |_, _| ()).unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
}

#[tokio::test]
async fn a_burst_changes_what_was_counted_before_it_in_its_own_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    note(&store, hit(&due, at, 20_000, 0)).await;
    note(&store, hit(&due, at, 25_000, 1)).await;
    assert_eq!(counts(&store).await, [1, 1, 0, 1]);
    for (n, position) in [2, 3, 4].into_iter().enumerate() {
        note(&store, hit(&due, at, 30_000 + n as u64 * 300, position)).await;
    }
    assert_eq!(counts(&store).await, [0, 0, 1, 4]);
    let (hits, anew) = said(folder.path());
    // The last click came as part of the burst, and the four hits before it were judged anew.
    let burst: Vec<_> =
        hits[..4].iter().map(|(seq, class)| (*seq, *class, Audience::Scanner, "burst".to_owned())).collect();
    assert_eq!((hits[4].1, anew), (Audience::Scanner, burst));
    store.close();
    agrees(folder.path());
    assert_eq!(found(folder.path(), &AudienceRules::built_in(), &Rejudging::default()), []);
}

#[tokio::test]
async fn a_story_goes_on_where_it_was_left_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    for position in 1..=3 {
        store.close();
        drop(store);
        store = open(folder.path());
        note(&store, hit(&due, at, 40_000 + u64::from(position), position)).await;
    }
    store.close();
    assert_eq!(classes(folder.path()), [Audience::Scanner; 3]);
    agrees(folder.path());
}

#[tokio::test]
async fn what_came_before_the_250_is_judged_anew_when_it_is_known_who_took_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (_, dues) = store.queue().accept(admission(&["a@x.example"], b"hi")).await.unwrap();
    note(&store, hit(&dues[0], Clock.now(), 0, 1)).await;
    assert_eq!(classes(folder.path()), [Audience::Human]);
    store.close();
    drop(store);
    let store = open(folder.path());
    let mut settlement = settlement(&dues[0], Outcome::Delivered(ok()));
    settlement.attempt.mx = "mx0a-1.pphosted.com".to_owned();
    store.queue().settle(settlement).await.unwrap();
    store.close();
    assert_eq!(said(folder.path()).1[0].3, "gateway-click");
    assert_eq!(classes(folder.path()), [Audience::Scanner]);
    agrees(folder.path());
    assert_eq!(found(folder.path(), &AudienceRules::built_in(), &Rejudging::default()), []);
}

#[tokio::test]
async fn a_flood_on_one_delivery_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    let hits = store.hits();
    let waiting: Vec<_> =
        (0..4_000).map(|n| hits.note(hit(&due, at, 120_000 + n / 20, u16::from(n % 100 != 99))).unwrap()).collect();
    for one in waiting {
        one.await.unwrap().unwrap();
    }
    // Then a burst: only what is remembered of the flood can be judged anew.
    for position in 2..=4 {
        note(&store, hit(&due, at, 120_300, position)).await;
    }
    store.close();
    let classes = classes(folder.path());
    assert_eq!(classes.len(), 4_003);
    assert_eq!(classes.iter().filter(|class| **class == Audience::Scanner).count(), REMEMBERED + 1);
    agrees(folder.path());
    assert_eq!(found(folder.path(), &AudienceRules::built_in(), &Rejudging::default()), []);
}

#[tokio::test]
async fn a_batch_that_fails_leaves_no_story_of_what_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    let hits = store.hits();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut wait = Some(wait);
    let held = hits.writer.send(Lane::Urgent, 1, move |_| {
        wait.take().map(|wait| wait.recv());
        Ok(())
    });
    let noted: Vec<_> = (1..=3).map(|n| hits.note(hit(&due, at, 60_000 + u64::from(n), n)).unwrap()).collect();
    let bad = hits.writer.send(Lane::Urgent, 1, |_| Err::<(), _>(StoreError::Sqlite("no".to_owned()))).unwrap();
    go.send(()).unwrap();
    held.unwrap().await.unwrap().unwrap();
    assert!(bad.await.unwrap().is_err());
    for one in noted {
        one.await.unwrap().unwrap();
    }
    store.close();
    assert_eq!(classes(folder.path()), [Audience::Scanner; 3]);
    agrees(folder.path());
}

#[tokio::test]
async fn history_is_judged_by_other_rules_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    let (other, _) = delivered(&store, "mx.example.org").await;
    for n in 0..3 {
        note(&store, hit(&due, at, 60_000 + n * 10_000, 1)).await;
    }
    note(&store, hit(&other, at, 60_000, 0)).await;
    let rules =
        "[[rule]]\nname = \"theirs\"\nclass = \"scanner\"\nevent = \"click\"\nnetwork = [\"198.51.100.0/24\"]\n";
    let rules = AudienceRules::with_own(rules).unwrap();
    let corrections = found(folder.path(), &rules, &Rejudging::default());
    assert_eq!(corrections.len(), 3);
    assert!(
        corrections.iter().all(|c| (c.from, c.to, c.rule.as_str()) == (Audience::Human, Audience::Scanner, "theirs"))
    );
    let since = Rejudging { since: Some(at + Duration::from_secs(70)), ..Rejudging::default() };
    assert_eq!(found(folder.path(), &rules, &since).len(), 2);
    let campaign = |name: &str| Rejudging { campaign: Some(name.to_owned()), ..Rejudging::default() };
    assert_eq!(found(folder.path(), &rules, &campaign("spring")).len(), 3);
    assert_eq!(found(folder.path(), &rules, &campaign("winter")), []);

    assert_eq!(counts(&store).await, [1, 1, 0, 3]);
    assert_eq!(store.hits().reclassify(corrections.clone(), Clock.now()).await.unwrap(), 3);
    assert_eq!(counts(&store).await, [1, 0, 1, 3]);
    // They are so already.
    assert_eq!(store.hits().reclassify(corrections, Clock.now()).await.unwrap(), 0);
    assert_eq!(found(folder.path(), &rules, &Rejudging::default()), []);
    store.close();
    agrees(folder.path());
}

#[tokio::test]
async fn a_hit_whose_text_is_gone_keeps_its_class() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (due, at) = delivered(&store, "mx.example.org").await;
    note(&store, hit(&due, at, 60_000, 1)).await;
    note(&store, NewHit { agent: String::new(), ..hit(&due, at, 90_000, 1) }).await;
    store.close();
    let rules = "[[rule]]\nname = \"theirs\"\nclass = \"scanner\"\nnetwork = [\"198.51.100.0/24\"]\n";
    let rules = AudienceRules::with_own(rules).unwrap();
    assert_eq!(found(folder.path(), &rules, &Rejudging::default()).len(), 2);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    conn.execute("delete from event_text where field = ?1", [TextField::Agent.code()]).unwrap();
    drop(conn);
    // The second never had one, so nothing of it is gone.
    let corrections = found(folder.path(), &rules, &Rejudging::default());
    assert_eq!(corrections.len(), 1);
    assert_eq!(corrections[0].from, Audience::Unknown);
}
