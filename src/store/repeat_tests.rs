//! Mail that is submitted again: who has it already gets no second delivery, and nothing else is swallowed.

use std::time::Duration;

use super::tests::{admission, ok, open, settlement};
use super::*;
use crate::clock::Clock;
use crate::domain::order::{Act, Order, Selection};
use crate::domain::{Campaign, Metric, Mode, Outcome, Timestamp};

/// What differs from one submission to the next.
#[derive(Clone, Copy)]
struct Mail<'a> {
    credential: &'a str,
    campaign: &'a str,
    mode: Mode,
    to: &'a [&'a str],
    body: &'a [u8],
    at: Timestamp,
}

impl Mail<'_> {
    async fn submit(self, store: &Store) -> Taken {
        let campaign = Campaign::new(self.campaign, self.mode);
        let credential = self.credential.to_owned();
        let admission = Admission { campaign, credential, accepted_at: self.at, ..admission(self.to, self.body) };
        store.queue().submit(admission, true).await.unwrap()
    }
}

fn mail<'a>(to: &'a [&'a str]) -> Mail<'a> {
    let at = Timestamp::from_millis(1_795_467_845_678);
    Mail {
        credential: "news",
        campaign: "spring",
        mode: Mode::Live,
        to,
        body: b"Message-ID: <1@a.example>\r\n\r\nhi\r\n",
        at,
    }
}

fn to(taken: &Taken) -> Vec<&str> {
    taken.dues.iter().map(|due| due.address.as_str()).collect()
}

async fn recipients(store: &Store, name: &str) -> i64 {
    let report = store.reports().campaign_named(name, Mode::Live).await.unwrap().unwrap();
    report.row.counts[Metric::Recipients]
}

fn done(store: &Store, folder: &tempfile::TempDir) {
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differences, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_mail_makes_no_second_delivery_and_leads_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // A large body is a file before it is known that it came again.
    let body = [b"Message-ID: <1@a.example>\r\n\r\n".as_slice(), &vec![b'x'; 300 << 10]].concat();
    let mail = Mail { body: &body, ..mail(&["a@x.example", "b@x.example"]) };
    let first = mail.submit(&store).await;
    assert_eq!((to(&first), first.repeats.len()), (vec!["a@x.example", "b@x.example"], 0));
    let minute = Duration::from_mins(1);
    for n in 1..=2 {
        let again = Mail { at: mail.at + minute * n, ..mail }.submit(&store).await;
        assert_eq!((again.message, again.dues.len(), again.repeats), (first.message, 0, vec![(first.message, 2)]));
    }
    assert_eq!(std::fs::read_dir(folder.path().join("bodies")).unwrap().count(), 1);
    assert_eq!(recipients(&store, "spring").await, 2);
    let report = store.reports().delivery(first.dues[1].delivery).await.unwrap().unwrap();
    let shown: Vec<_> = report.repeats.iter().map(|r| (r.again, r.times, r.recipients, r.last_at)).collect();
    assert_eq!(shown, [(None, 2, 2, mail.at + minute * 2)]);

    // It is known after a restart too, and views that were made anew change nothing.
    store.rebuild().run(|_| ()).await.unwrap();
    store.close();
    drop(store);
    let store = open(folder.path());
    assert_eq!(mail.submit(&store).await.message, first.message);
    done(&store, &folder);
}

#[tokio::test]
async fn whatever_differs_is_a_new_mail() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = mail(&["a@x.example"]);
    first.submit(&store).await;
    let others = [
        Mail { body: b"Message-ID: <1@a.example>\r\n\r\nho\r\n", ..first },
        Mail { body: b"Message-ID: <2@a.example>\r\n\r\nhi\r\n", ..first },
        Mail { credential: "shop", ..first },
        Mail { campaign: "summer", ..first },
        Mail { mode: Mode::Sandbox, ..first },
        mail(&["b@x.example"]),
        mail(&["a@y.example"]),
    ];
    for (n, other) in others.into_iter().enumerate() {
        let taken = other.submit(&store).await;
        assert_eq!((taken.dues.len(), taken.repeats), (1, vec![]), "{n}");
        assert_eq!(other.submit(&store).await.dues.len(), 0, "{n}");
    }
    // What does not name itself is never known again.
    for _ in 0..2 {
        assert_eq!(store.queue().accept(admission(&["a@x.example"], b"hi")).await.unwrap().1.len(), 1);
    }
    done(&store, &folder);
}

#[tokio::test]
async fn after_ten_minutes_it_is_a_new_mail_and_what_is_old_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = mail(&["a@x.example", "b@x.example", "c@x.example"]);
    let after = |seconds: i64| Mail { at: Timestamp::from_millis(first.at.millis() + 1_000 * seconds), ..first };
    first.submit(&store).await;
    // The clock was set back a little, or two met at the writer in the other order.
    for seconds in [0, -1, -600, 599, 600] {
        assert_eq!(after(seconds).submit(&store).await.dues.len(), 0, "{seconds}");
    }
    // Coming again makes the ten minutes no longer.
    assert_eq!(after(601).submit(&store).await.dues.len(), 3);
    assert_eq!(after(1_202).submit(&store).await.dues.len(), 3);
    // A clock that was set far back: what it accepted before is of another time.
    assert_eq!(after(-86_400).submit(&store).await.dues.len(), 3);
    assert_eq!(after(4_000).submit(&store).await.dues.len(), 3);
    done(&store, &folder);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let kept: i64 = conn.query_row("select count(*) from queue_recent", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn what_was_cancelled_may_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mail = mail(&["a@x.example", "b@x.example"]);
    let first = mail.submit(&store).await;
    let cancel = Order::new(Act::Cancel, Selection::Delivery(first.dues[0].delivery), "ann").unwrap();
    assert_eq!(store.queue().perform(&cancel, Clock.now()).await.unwrap().changed, 1);
    let second = mail.submit(&store).await;
    assert_eq!((to(&second), second.repeats.as_slice()), (vec!["a@x.example"], [(first.message, 1)].as_slice()));
    let third = mail.submit(&store).await;
    let each = [(first.message, 1), (second.message, 1)];
    assert_eq!((third.message, third.dues.len(), third.repeats.as_slice()), (first.message, 0, each.as_slice()));
    done(&store, &folder);
}

#[tokio::test]
async fn who_does_not_have_it_gets_it_and_both_messages_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = mail(&["a@x.example", "b@x.example"]).submit(&store).await;
    let second = mail(&["c@x.example", "b@x.example", "d@x.example"]).submit(&store).await;
    assert_eq!(
        (to(&second), second.repeats.as_slice()),
        (vec!["c@x.example", "d@x.example"], [(first.message, 1)].as_slice())
    );
    assert_ne!(second.message, first.message);
    assert_eq!(recipients(&store, "spring").await, 4);
    for (delivery, other) in [(&first.dues[0], &second.dues[0]), (&second.dues[1], &first.dues[0])] {
        let report = store.reports().delivery(delivery.delivery).await.unwrap().unwrap();
        let shown: Vec<_> = report.repeats.iter().map(|r| (r.first, r.again, r.recipients, r.other)).collect();
        assert_eq!(shown, [(first.message, Some(second.message), 1, Some(other.delivery))]);
    }
    // It is stored for those whom it goes to, so that it is released after the last of them.
    for due in &second.dues {
        store.queue().settle(settlement(due, Outcome::Delivered(ok()))).await.unwrap();
    }
    let released = mail(&["e@x.example"]).submit(&store).await;
    assert_eq!(released.dues.len(), 1);
    let later = Clock.now() + Duration::from_hours(24);
    assert_eq!(store.queue().sweep_bodies(later, i64::MAX).await.unwrap(), 1);
    assert_eq!(store.queue().message(second.message).await.unwrap().unwrap_err(), BodyFault::Gone);
    done(&store, &folder);
}

#[tokio::test]
async fn two_at_once_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mail = mail(&["a@x.example"]);
    // While the writer is kept busy the three gather, so that they share a transaction.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (mut started, mut wait) = (Some(started), Some(wait));
    let busy = move |_: &mut writer::Batch<'_>| {
        started.take().map(|started| started.send(()));
        wait.take().map(|wait| wait.recv());
        Ok(())
    };
    let busy = store.queue().writer.send(writer::Lane::Urgent, 1, busy).unwrap();
    has_started.await.unwrap();
    let before = store.tally().commits;
    let go = async { go.send(()).unwrap() };
    let taken = tokio::join!(mail.submit(&store), mail.submit(&store), mail.submit(&store), go);
    busy.await.unwrap().unwrap();
    assert_eq!(store.tally().commits, before + 2);
    assert_eq!(taken.0.dues.len() + taken.1.dues.len() + taken.2.dues.len(), 1);
    assert!(taken.0.message == taken.1.message && taken.1.message == taken.2.message);
    assert_eq!(recipients(&store, "spring").await, 1);
    done(&store, &folder);
}
