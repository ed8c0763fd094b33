//! Orders to the queue, on the store alone.

use std::time::Duration;

use super::tests::{admission, ok, open, settlement};
use super::{FILE, Queue, Store, verify};
use crate::clock::Clock;
use crate::domain::{
    Act, BounceClass, Campaign, Counts, Domain, EnhancedCode, Metric, Mode, Order, Outcome, Reply, Selection,
};

fn no(code: u16) -> Reply {
    Reply::local(code, EnhancedCode(if code < 500 { 4 } else { 5 }, 7, 1), "no")
}

fn spring() -> Selection {
    Selection::Campaign(Campaign::new("spring", Mode::Live).id())
}

async fn order(queue: &Queue, act: Act, selection: Selection) -> u64 {
    queue.perform(&Order::new(act, selection, "ann").unwrap(), Clock.now()).await.unwrap().changed
}

async fn counts(store: &Store) -> Counts {
    store.reports().campaign(Campaign::new("spring", Mode::Live).id()).await.unwrap().unwrap().row.counts
}

async fn due(queue: &Queue, domain: &str) -> usize {
    let later = Clock.now() + Duration::from_secs(1);
    queue.refill(Domain::parse(domain).unwrap(), super::LeftOut::default(), later, 100).await.unwrap().due.len()
}

#[tokio::test]
async fn what_was_under_way_at_a_cancellation_ends_in_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let to: Vec<_> = (0..1_500).map(|n| format!("u{n}@x.example")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    let (message, dues) = queue.accept(admission(&to, b"hi")).await.unwrap();
    queue.settle(settlement(&dues[0], Outcome::Delivered(ok()))).await.unwrap();
    assert_eq!(order(&queue, Act::Cancel, spring()).await, 1_499);
    assert_eq!(order(&queue, Act::Cancel, Selection::All).await, 0);
    assert_eq!(counts(&store).await[Metric::Cancelled], 1_499);

    let next = Clock.now() + Duration::from_mins(1);
    let outcomes = [
        Outcome::Delivered(ok()),
        Outcome::Bounced { reply: no(550), class: BounceClass::Policy },
        Outcome::Deferred { reply: no(451), class: BounceClass::Other, next },
        Outcome::Expired { reply: no(451), class: BounceClass::Other },
    ];
    for (due, outcome) in dues[1..].iter().zip(outcomes) {
        queue.settle(settlement(due, outcome)).await.unwrap();
    }
    let counts = counts(&store).await;
    let shown = [Metric::Queued, Metric::Delivered, Metric::Bounced, Metric::Expired, Metric::Cancelled];
    assert_eq!(shown.map(|metric| counts[metric]), [0, 2, 1, 0, 1_497]);
    assert_eq!(counts[Metric::Recipients], 1_500);
    // The last one released the body.
    let tomorrow = Clock.now() + Duration::from_hours(24);
    queue.accept(admission(&["a@y.example"], b"later")).await.unwrap();
    assert_eq!(queue.sweep_bodies(tomorrow, i64::MAX).await.unwrap(), 1);
    assert!(queue.message(message).await.unwrap().is_err());
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differing, 0);
}

#[tokio::test]
async fn a_pause_is_kept_and_leaves_its_campaign_out_of_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    queue.accept(admission(&["a@x.example", "b@x.example"], b"hi")).await.unwrap();
    let other = super::Admission { campaign: Campaign::new("other", Mode::Live), ..admission(&["c@x.example"], b"ho") };
    queue.accept(other).await.unwrap();
    assert_eq!(due(&queue, "x.example").await, 3);
    assert_eq!((order(&queue, Act::Pause, spring()).await, order(&queue, Act::Pause, spring()).await), (1, 0));
    assert_eq!(due(&queue, "x.example").await, 1);
    store.close();
    drop(store);

    let store = open(folder.path());
    let queue = store.queue();
    let report = store.reports().queue(None, Clock.now()).await.unwrap();
    assert_eq!((report.waiting, report.rows[0].waiting, report.pauses.len()), (3, 3, 1));
    assert_eq!((report.pauses[0].name.as_str(), report.pauses[0].waiting), ("spring", 2));
    assert_eq!(report.pauses[0].pause.by, "ann");
    assert_eq!(queue.heads().await.unwrap()[0].waiting, 1);
    let resumed = queue.perform(&Order::new(Act::Resume, spring(), "ann").unwrap(), Clock.now()).await.unwrap();
    assert_eq!((resumed.changed, resumed.awake.len()), (1, 1));
    assert_eq!(due(&queue, "x.example").await, 3);
    store.close();
}

#[tokio::test]
async fn a_retry_makes_due_what_was_deferred_and_not_what_is_scheduled() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let scheduled =
        super::Admission { due_at: Clock.now() + Duration::from_hours(2), ..admission(&["a@x.example"], b"hi") };
    queue.accept(scheduled).await.unwrap();
    let (message, dues) = queue.accept(admission(&["b@x.example", "c@y.example"], b"ho")).await.unwrap();
    let next = Clock.now() + Duration::from_hours(1);
    for due in &dues {
        queue
            .settle(settlement(due, Outcome::Deferred { reply: no(451), class: BounceClass::Other, next }))
            .await
            .unwrap();
    }
    assert_eq!((due(&queue, "x.example").await, due(&queue, "y.example").await), (0, 0));
    let report = store.reports().queue(Some("x.example".to_owned()), Clock.now()).await.unwrap();
    assert_eq!((report.waiting, report.tried, report.rows.len(), report.domains), (3, 2, 1, 2));
    let last = report.rows[0].last_reply.as_ref().unwrap();
    assert_eq!((last.text.as_str(), last.class), ("451 4.7.1 no", BounceClass::Other));
    assert!(report.rows[0].next_at.is_some_and(|at| at >= next) && report.oldest.is_some());
    assert_eq!(order(&queue, Act::Retry, Selection::Domain(Domain::parse("x.example").unwrap())).await, 1);
    assert_eq!((due(&queue, "x.example").await, due(&queue, "y.example").await), (1, 0));
    assert_eq!(order(&queue, Act::Retry, Selection::Message(message)).await, 1);
    assert_eq!(order(&queue, Act::Cancel, Selection::Delivery(dues[0].delivery)).await, 1);
    assert_eq!((due(&queue, "x.example").await, due(&queue, "y.example").await), (0, 1));
    assert_eq!(queue.heads().await.unwrap().len(), 2);
    store.close();
}
