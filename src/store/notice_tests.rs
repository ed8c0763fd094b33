//! What is to be told outlives everything, is told once, and never in a storm.

use super::tests::{admission, open, settlement};
use super::*;
use crate::clock::Clock;
use crate::domain::EnhancedCode;
use crate::domain::{
    Action, Address, BounceClass, CampaignId, Metric, Mode, Notify, Outcome, RecipientWish, Reply, Timestamp,
};
use crate::mail::notice::{Notice, Told};

const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

fn no() -> Outcome {
    let reply = Reply::local(550, EnhancedCode(5, 1, 1), "user unknown");
    Outcome::Bounced { class: BounceClass::InvalidRecipient, reply }
}

fn told(due: &Due, action: Action) -> Tell {
    let told = Told {
        action,
        class: BounceClass::InvalidRecipient,
        recipient: due.address.to_string(),
        original: None,
        status: String::new(),
        remote: String::new(),
        reply: String::new(),
        spoken: true,
        accepted_at: 0,
        attempted_at: 0,
        attempts: 1,
        retry_until: None,
        expired: false,
    };
    Tell { sender: Address::parse("from@shop.example").unwrap(), told }
}

fn mail(at: Timestamp) -> OwnMail {
    let text = |text: &str| text.to_owned();
    let bytes = b"Subject: Not delivered\r\n\r\n".to_vec();
    let notice = Notice { from: text("f"), subject: text("Not delivered"), message_id: text("<n>"), bytes };
    OwnMail { notice, recipe: text("{}"), mode: Mode::Live, accepted_at: at, expires_at: at + HOUR }
}

/// A message to one recipient that is refused.
async fn refused(queue: &Queue, n: usize) {
    let (_, dues) = queue.accept(admission(&[&format!("u{n}@x.example")], b"hi")).await.unwrap();
    queue
        .settle(Settlement { tell: Some(told(&dues[0], Action::Failed)), ..settlement(&dues[0], no()) })
        .await
        .unwrap();
}

#[tokio::test]
async fn failures_of_a_message_are_told_together_once_and_in_no_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let (message, dues) = queue.accept(admission(&["a@x.example", "b@x.example", "c@x.example"], b"hi")).await.unwrap();
    for due in &dues[..2] {
        queue.settle(Settlement { tell: Some(told(due, Action::Failed)), ..settlement(due, no()) }).await.unwrap();
    }
    let now = Clock.now();
    assert!(matches!(queue.next_telling(now).await.unwrap(), Telling::Nothing(Some(at)) if at > now));
    // The last one ends, so nothing more is waited for; and all of it outlives a restart.
    assert!(queue.settle(settlement(&dues[2], no())).await.unwrap().telling);
    store.close();
    drop(store);
    let store = open(folder.path());
    let queue = store.queue();
    let telling = queue.next_telling(Clock.now()).await.unwrap();
    let Telling::Message { message: about, told, .. } = &telling else { panic!("{telling:?}") };
    assert_eq!((*about, told.len()), (message, 2));
    let due = queue.tell(telling.clone(), mail(Clock.now())).await.unwrap().unwrap();
    assert_eq!((due.campaign, due.address.as_str()), (CampaignId::OWN_MAIL, "from@shop.example"));
    assert_eq!(queue.tell(telling, mail(Clock.now())).await.unwrap().map(|due| due.delivery), None);
    assert_eq!(queue.message(due.message).await.unwrap().unwrap().reverse_path, None);

    // What becomes of the notice is no fact.
    let campaign = crate::domain::Campaign::new("spring", Mode::Live).id();
    let before = store.reports().campaign(campaign).await.unwrap().unwrap().row.counts;
    queue.settle(settlement(&due, no())).await.unwrap();
    assert_eq!(store.reports().campaign(campaign).await.unwrap().unwrap().row.counts, before);
    assert_eq!(store.reports().campaigns_total(None).await.unwrap(), 1);
    assert_eq!(before[Metric::Recipients], 3);
    assert!(matches!(queue.next_telling(Clock.now()).await.unwrap(), Telling::Nothing(Some(_))));
    // Its traces go with its body; those of the campaign's last message stay for the preview.
    assert_eq!(queue.sweep_bodies(Clock.now() + HOUR, i64::MAX).await.unwrap(), 1);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let count = |table: &str| -> i64 {
        conn.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("notice_delivery"), count("message"), count("queue_message")), (0, 1, 1));
    let verified = verify(&folder.path().join(FILE), |_, _| ()).unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
}

#[tokio::test]
async fn a_storm_is_twenty_notices_and_a_digest_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    for n in 0..1_100 {
        refused(&queue, n).await;
    }
    let now = Clock.now();
    let (mut singles, mut moves) = (0, 0);
    loop {
        match queue.next_telling(now).await.unwrap() {
            telling @ Telling::Message { .. } => {
                assert!(queue.tell(telling, mail(now)).await.unwrap().is_some());
                singles += 1;
            }
            Telling::TooMany(sender) => {
                queue.put_into_digest(sender, now).await.unwrap();
                moves += 1;
            }
            Telling::Nothing(later) => break assert_eq!(later, Some(now + HOUR)),
            Telling::Digest(..) | Telling::HourOver => panic!("too early"),
        }
    }
    assert_eq!((singles, moves), (20, 2));
    let telling = queue.next_telling(now + HOUR).await.unwrap();
    let Telling::Digest(_, digest) = &telling else { panic!("{telling:?}") };
    assert_eq!((digest.failures(), digest.named.len()), (1_080, 100));
    assert!(queue.tell(telling.clone(), mail(now + HOUR)).await.unwrap().is_some());
    assert!(queue.tell(telling, mail(now + HOUR)).await.unwrap().is_none());
    assert_eq!(queue.next_telling(now + HOUR).await.unwrap(), Telling::Nothing(None));
    // A new hour begins with single notices again, and ends with nothing where there was no more.
    refused(&queue, 5_000).await;
    let telling = queue.next_telling(Clock.now()).await.unwrap();
    assert!(queue.tell(telling, mail(now + HOUR)).await.unwrap().is_some());
    let later = now + HOUR + HOUR;
    assert_eq!(queue.next_telling(later).await.unwrap(), Telling::HourOver);
    queue.forget_hours(later).await.unwrap();
    assert_eq!(queue.next_telling(later).await.unwrap(), Telling::Nothing(None));
}

#[tokio::test]
async fn a_delay_is_told_once_and_forgotten_when_the_mail_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let (_, dues) = queue.accept(admission(&["a@x.example"], b"hi")).await.unwrap();
    let late = || {
        let reply = Reply::local(451, EnhancedCode(4, 7, 1), "later");
        let outcome = Outcome::Deferred { reply, class: BounceClass::Other, next: Clock.now() };
        Settlement { tell: Some(told(&dues[0], Action::Delayed)), delay_asked: true, ..settlement(&dues[0], outcome) }
    };
    for _ in 0..2 {
        queue.settle(late()).await.unwrap();
    }
    let soon = Clock.now() + HOUR;
    let telling = queue.next_telling(soon).await.unwrap();
    assert!(queue.tell(telling, mail(soon)).await.unwrap().is_some());
    queue.settle(late()).await.unwrap();
    assert!(matches!(queue.next_telling(soon).await.unwrap(), Telling::Nothing(_)));
    let ok = Outcome::Delivered(Reply::local(250, EnhancedCode(2, 0, 0), "ok"));
    queue.settle(Settlement { delay_asked: true, ..settlement(&dues[0], ok) }).await.unwrap();
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let left: i64 = conn.query_row("select count(*) from notice_due", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_was_asked_is_kept_with_the_message_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let mut asked = admission(&["a@x.example"], b"hi");
    let wish = RecipientWish { notify: Some(Notify::default()), original: None };
    asked.wishes.add(&asked.recipients[0].clone(), wish);
    let (message, dues) = queue.accept(asked.clone()).await.unwrap();
    assert_eq!(queue.message(message).await.unwrap().unwrap().wishes, asked.wishes);
    queue.settle(settlement(&dues[0], no())).await.unwrap();
    // The last message of a campaign stays for its preview.
    queue.accept(admission(&["b@x.example"], b"hi")).await.unwrap();
    assert_eq!(queue.sweep_bodies(Clock.now() + HOUR, i64::MAX).await.unwrap(), 1);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let left: i64 = conn.query_row("select count(*) from notice_wish", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}
