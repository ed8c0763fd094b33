//! The store as a whole: what goes in by its handles comes out of its reports, and the ledger agrees.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::fold::Fold;
use super::stories_tests::agent_of;
use super::*;
use crate::clock::Clock;
use crate::domain::audience::Audience;
use crate::domain::event::{About, Accepted, Attempt, Hit};
use crate::domain::suppression::{Added, Origin, Reason};
use crate::domain::{
    Address, BounceClass, Campaign, CampaignId, DeliveryId, Device, EnhancedCode, Event, Fact, MessageId, Metric, Mode,
    Outcome, PersonId, Reply, Suppression, Timestamp, Wishes,
};
use crate::mail::receipt::Receipt;

fn chance() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

pub(super) fn open(folder: &Path) -> Store {
    Store::open(Settings { data_dir: folder.to_owned(), node: 1, clock: Clock, random: chance }).unwrap()
}

pub(super) fn admission(to: &[&str], body: &[u8]) -> Admission {
    Admission {
        campaign: Campaign::new("spring", Mode::Live),
        list: None,
        credential: "news".to_owned(),
        reverse_path: Address::parse("from@shop.example").ok(),
        recipients: to.iter().map(|a| Address::parse(a).unwrap()).collect(),
        wishes: Wishes::default(),
        from_text: "Shop <from@shop.example>".to_owned(),
        subject: "Spring".to_owned(),
        message_id: "<1@shop.example>".to_owned(),
        tags: vec!["a".to_owned()],
        metadata: vec![("k".to_owned(), "v".to_owned())],
        receipt: Receipt { size_in: body.len() as u64, ..Receipt::default() },
        recipe: "{}".to_owned(),
        body: Arc::from(body),
        pixel: true,
        links: vec![(1, "https://shop.example/a?u=1".to_owned(), "A".to_owned())],
        alike: false,
        lane: 1,
        stream: "shop.example".to_owned(),
        transactional: false,
        accepted_at: Clock.now(),
        due_at: Clock.now(),
        expires_at: Clock.now(),
    }
}

pub(super) fn settlement(due: &Due, outcome: Outcome) -> Settlement {
    let code = outcome.reply().code;
    Settlement {
        due: due.clone(),
        attempt: Attempt {
            n: due.attempts + 1,
            mx: "mx".to_owned(),
            ip: String::new(),
            tls: String::new(),
            certificate: String::new(),
            code,
            enhanced: String::new(),
            ms: 3,
            site: "mx".to_owned(),
        },
        outcome,
        transcript: "S: hello".to_owned(),
        pixel: true,
        links: 1,
        first: None,
        tell: None,
        delay_asked: false,
        at: Clock.now(),
    }
}

pub(super) fn ok() -> Reply {
    Reply::local(250, EnhancedCode(2, 0, 0), "ok")
}

pub(super) fn hit(due: &Due, position: u16, class: Audience) -> NewHit {
    NewHit {
        delivery: due.delivery,
        position,
        pattern: if position == 0 { 0 } else { crate::domain::link::pattern_key("https://shop.example/a?u=1") },
        target: if position == 0 { String::new() } else { "https://shop.example/a?u=1".to_owned() },
        agent: agent_of(class).to_owned(),
        signals: 0,
        address: "192.0.2.0/24".to_owned(),
        at: Clock.now(),
    }
}

#[tokio::test]
async fn a_campaign_goes_in_and_its_numbers_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let (_, dues) =
        queue.accept(admission(&["a@x.example", "b@x.example", "c@y.example", "d@y.example"], b"hi")).await.unwrap();
    queue.settle(settlement(&dues[0], Outcome::Delivered(ok()))).await.unwrap();
    let no = Reply::local(550, EnhancedCode(5, 1, 1), "user unknown");
    queue
        .settle(settlement(&dues[1], Outcome::Bounced { class: BounceClass::InvalidRecipient, reply: no }))
        .await
        .unwrap();
    let later = Reply::local(451, EnhancedCode(4, 7, 1), "later");
    let next = Clock.now() + std::time::Duration::from_mins(1);
    queue
        .settle(settlement(&dues[2], Outcome::Deferred { reply: later, class: BounceClass::Greylisted, next }))
        .await
        .unwrap();
    let hits = store.hits();
    for (position, class) in [(0, Audience::Prefetch), (1, Audience::Human), (1, Audience::Scanner)] {
        assert_eq!(hits.note(hit(&dues[0], position, class)).unwrap().await.unwrap().unwrap(), Noted::Counted);
    }
    // Not delivered yet, so it does not count, but the hit is kept.
    hits.note(hit(&dues[3], 0, Audience::Human)).unwrap().await.unwrap().unwrap();

    let report = store.reports().campaign(Campaign::new("spring", Mode::Live).id()).await.unwrap().unwrap();
    let counts = report.row.counts;
    let shown = |metrics: &[Metric]| metrics.iter().map(|m| counts[*m]).collect::<Vec<_>>();
    assert_eq!(
        shown(&[Metric::Recipients, Metric::Queued, Metric::Deferred, Metric::Delivered, Metric::Bounced]),
        [4, 2, 1, 1, 1]
    );
    assert_eq!(
        shown(&[
            Metric::OpenedInferred,
            Metric::OpenedPrefetch,
            Metric::ClickedHuman,
            Metric::OpenEvents,
            Metric::ClickEvents
        ]),
        [1, 0, 1, 2, 2]
    );
    assert_eq!((report.links[0].human, report.links[0].scanner, report.links[0].total_events), (1, 0, 2));
    assert_eq!(report.links[0].label, "A");
    assert_eq!(report.refusals[0].sample, "550 5.1.1 user unknown");
    assert_eq!(report.row.messages, 1);
    assert_eq!(report.sites.iter().map(|s| s.counts[Metric::Recipients]).sum::<i64>(), 4);
    let delivery = store.reports().delivery(dues[0].delivery).await.unwrap().unwrap();
    assert_eq!(delivery.timeline.len(), 5);
    assert_eq!((delivery.row.recipient.as_str(), delivery.metadata[0].1.as_str()), ("a@x.example", "v"));
    assert!(delivery.row.inferred);
    // A late 250 brings the hit in that came before it.
    queue.settle(settlement(&dues[3], Outcome::Delivered(ok()))).await.unwrap();
    let report = store.reports().campaign(Campaign::new("spring", Mode::Live).id()).await.unwrap().unwrap();
    assert_eq!(report.row.counts[Metric::OpenedHuman], 1);
    store.rebuild().run(|_| ()).await.unwrap();
    store.rebuild().run(|_| ()).await.unwrap();
    store.close();
    let verified = verify(&folder.path().join(FILE), |_, _| ()).unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
    // Four accepted, three tried and one suppressed for it, four hits, one delivered late.
    assert_eq!(verified.events, 4 + 4 + 4 + 1);
    let mut lines = Vec::new();
    export::<StoreError>(&folder.path().join(FILE), &Range::default(), |line| {
        lines.push(serde_json::from_str::<serde_json::Value>(line).unwrap());
        Ok(())
    })
    .unwrap();
    assert_eq!(lines.len(), 13);
    assert!(lines.iter().any(|l| l["type"] == "clicked"
        && l["link"]["url"] == "https://shop.example/a?u=1"
        && l["client"]["class"] == "human"));
}

#[tokio::test]
async fn a_second_process_is_kept_out_and_released_bodies_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let again = Store::open(Settings { data_dir: folder.path().to_owned(), node: 1, clock: Clock, random: chance });
    assert!(matches!(again, Err(OpenError::Locked(_))));
    let queue = store.queue();
    let (first, dues) = queue.accept(admission(&["a@x.example"], b"one")).await.unwrap();
    let (last, _) = queue.accept(admission(&["a@x.example"], b"two")).await.unwrap();
    queue.settle(settlement(&dues[0], Outcome::Delivered(ok()))).await.unwrap();
    assert_eq!(queue.sweep_bodies(Timestamp::from_millis(0), i64::MAX).await.unwrap(), 0);
    let tomorrow = Clock.now() + std::time::Duration::from_hours(24);
    assert_eq!(queue.sweep_bodies(tomorrow, i64::MAX).await.unwrap(), 1);
    assert_eq!(queue.message(first).await.unwrap().unwrap_err(), BodyFault::Gone);
    assert!(queue.message(last).await.unwrap().is_ok());
    store.close();
}

#[tokio::test]
async fn one_bad_job_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let bad = store.accounts();
    let broken = tokio::join!(
        queue.accept(admission(&["a@x.example"], b"one")),
        bad.run_sql("insert into nowhere values (1)"),
        queue.accept(admission(&["b@x.example"], b"two")),
    );
    assert!(broken.0.is_ok() && broken.1.is_err() && broken.2.is_ok());
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differing, 0);
}

#[tokio::test]
async fn a_changed_event_or_view_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.queue().accept(admission(&["a@x.example"], b"one")).await.unwrap();
    store.close();
    drop(store);
    let path = folder.path().join(FILE);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("update v_campaign set recipients = 2", []).unwrap();
    assert!(verify(&path, |_, _| ()).unwrap().differences[0].contains("recipients"));
    conn.execute("update event set payload = x'00'", []).unwrap();
    assert!(matches!(verify(&path, |_, _| ()), Err(StoreError::DamagedEvent { .. })));
}

fn suppression_added(n: i64, position: u16, tries: u32) -> Fact {
    let reason = if tries > 1 { Reason::Bounce } else { Reason::Unsubscribe };
    let scope = "x".repeat(position.into());
    let suppression = Suppression { reason, scope, since: Timestamp::from_millis(n) };
    Fact::SuppressionAdded(Added { person: PersonId::from_raw(n), suppression, origin: Origin::Import, delivery: None })
}

/// A random history of a few deliveries.
fn history() -> impl Strategy<Value = Vec<(i64, Fact)>> {
    let about = |n: i64| About {
        delivery: DeliveryId::from_raw(n),
        campaign: CampaignId::from_raw(9_000 + n % 2),
        mode: Mode::Live,
    };
    let attempt = |n| Attempt {
        n,
        mx: String::new(),
        ip: String::new(),
        tls: String::new(),
        certificate: String::new(),
        code: 0,
        enhanced: String::new(),
        ms: 0,
        site: ["", "mx.example", "other.example"][n as usize % 3].to_owned(),
    };
    let class = prop::sample::select(Audience::ALL);
    let fact = (1_i64..5, 0_u8..10, class.clone(), class, 0_u16..3, 1_u32..4).prop_map(
        move |(n, kind, a, b, position, tries)| {
            let about = about(n);
            let hit = |class| Hit {
                about,
                position,
                pattern: i64::from(position) * 7,
                class,
                rule: String::new(),
                family: String::new(),
                device: Device::Unknown,
                signals: 0,
                address: String::new(),
                count: 1,
            };
            match kind {
                0 => Fact::Delivered { about, attempt: attempt(tries), pixel: true, links: 2 },
                1 => Fact::Deferred {
                    about,
                    attempt: attempt(tries),
                    class: BounceClass::Greylisted,
                    next: Timestamp::from_millis(5),
                },
                2 => Fact::Bounced { about, attempt: attempt(tries), class: BounceClass::Policy },
                3 if position == 0 => Fact::Cancelled { about },
                3 => Fact::Unsubscribed { about, client: None },
                4 => Fact::Reclassified { hit: hit(a), from: b, hit_at: Timestamp::from_millis(1_000), hit_seq: 1 },
                8 => suppression_added(n, position, tries),
                9 => Fact::SuppressionRemoved { person: PersonId::from_raw(n), scope: "x".repeat(position.into()) },
                _ if position == 0 => Fact::Opened(hit(a)),
                _ => Fact::Clicked(hit(a)),
            }
        },
    );
    let accepted = move |n: i64| {
        let about = about(n);
        Fact::Accepted(Accepted {
            about,
            message: MessageId::from_raw(100 + n),
            person: PersonId::from_raw(n),
            campaign_name: format!("c{}", n % 2),
            first_of_message: true,
            domain: format!("d{}.example", n % 3),
            tags: vec![],
            size: 1,
            pixel: true,
            links: 2,
        })
    };
    proptest::collection::vec((0_i64..100_000_000, fact), 0..40).prop_map(move |mut facts| {
        facts.extend((1..5).map(|n| (n * 1000, accepted(n))));
        facts
    })
}

fn folded(runs: &[Vec<(i64, Fact)>]) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch(views::DEFINITION).unwrap();
    let mut seq = 0;
    for run in runs {
        let events: Vec<_> = run
            .iter()
            .map(|(at, fact)| {
                seq += 1;
                Event { seq, at: Timestamp::from_millis(*at), fact: fact.clone() }
            })
            .collect();
        Fold::main(&conn).apply(1, &events).unwrap();
        // Applied twice is applied once.
        Fold::main(&conn).apply(1, &events).unwrap();
    }
    conn
}

#[test]
fn a_campaign_has_its_thousand_links_however_the_runs_are_cut() {
    let clicked = |position: u16| {
        let delivery = DeliveryId::from_raw(i64::from(position % 40) + 1);
        let about = About { delivery, campaign: CampaignId::from_raw(9_000), mode: Mode::Live };
        let text = String::new;
        let (class, pattern, device) = (Audience::Human, i64::from(position), Device::Unknown);
        let (rule, family, address) = (text(), text(), text());
        let hit = Hit { about, position, pattern, class, rule, family, device, signals: 0, address, count: 1 };
        (i64::from(position), Fact::Clicked(hit))
    };
    let (first, second) = ((1..=600).map(clicked).collect::<Vec<_>>(), (151..=1_200).map(clicked).collect::<Vec<_>>());
    let links = |runs: &[Vec<_>]| {
        let rows = dump(&folded(runs));
        rows.into_iter().filter(|row| row.starts_with("link ")).collect::<Vec<_>>()
    };
    let whole = links(&[[first.clone(), second.clone()].concat()]);
    assert_eq!(whole.len(), 1_001, "a thousand, and the others in one");
    assert_eq!(whole, links(&[first, second]));
}

/// Every row of every view but what names a seq, zero rows left out.
fn dump(conn: &rusqlite::Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for (view, keys) in views::ALL.iter().filter(|(view, _)| !["cursor", "refusal"].contains(view)) {
        let mut statement = conn.prepare(&format!("select * from v_{view} order by 1, 2, 3")).unwrap();
        let (columns, mut found) = (statement.column_count(), statement.query([]).unwrap());
        while let Some(row) = found.next().unwrap() {
            let values: Vec<_> =
                (0..columns).map(|at| format!("{:?}", row.get::<_, rusqlite::types::Value>(at).unwrap())).collect();
            if !values.iter().skip(*keys).all(|v| v == "Integer(0)") {
                rows.push(format!("{view} {}", values.join(" ")));
            }
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Facts of two nodes may meet in any order and in any runs: the views come out the same.
    #[test]
    fn the_fold_does_not_depend_on_order_or_runs(facts in history(), seed in any::<u64>(), cut in 1_usize..9) {
        let one = dump(&folded(std::slice::from_ref(&facts)));
        let mut shuffled: Vec<_> = facts.iter().enumerate().map(|(at, f)| ((at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17), f.clone())).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let runs: Vec<Vec<_>> = shuffled.chunks(cut).map(|run| run.iter().map(|(_, f)| f.clone()).collect()).collect();
        prop_assert_eq!(one, dump(&folded(&runs)));
    }
}

#[tokio::test]
async fn after_a_failed_write_to_the_disk_nothing_is_writable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let write = async |error: Option<&'static str>| {
        let run = move |_: &mut writer::Batch<'_>| match error {
            Some("disk") => Err(StoreError::Disk("I/O error".to_owned())),
            Some(text) => Err(StoreError::Sqlite(text.to_owned())),
            None => Ok(()),
        };
        store.queue().writer.write(writer::Lane::Urgent, 0, run).await
    };
    assert!(write(Some("constraint failed")).await.is_err() && store.is_writable());
    let before = store.tally();
    write(None).await.unwrap();
    assert_eq!((store.tally().commits, store.tally().jobs), (before.commits + 1, before.jobs + 1));
    assert!(write(Some("disk")).await.is_err());
    while store.is_writable() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(write(None).await, Err(StoreError::Closed(_))));
    store.close();
}
