use super::super::tests::{admission, ok, open, settlement};
use super::super::{Admission, FILE, Store, verify};
use super::*;
use crate::clock::Clock;
use crate::domain::audience::Audience;
use crate::domain::{BounceClass, EnhancedCode, Outcome, Reply};

fn entry(address: &str, reason: Reason, scope: &str) -> Entry {
    Entry { address: Address::parse(address).unwrap(), reason, scope: scope.to_owned(), since: None }
}

fn listed(added: usize, present: usize) -> Listed {
    Listed { added, present }
}

/// What holds mail of a stream to this address back: its reason and scope.
async fn held(store: &Store, address: &str, stream: &str, transactional: bool) -> Option<(Reason, String)> {
    let admission = Admission { stream: stream.to_owned(), transactional, ..admission(&[address], b"hi") };
    let (_, dues) = store.queue().accept(admission).await.unwrap();
    store.queue().suppression(&dues[0]).await.unwrap().map(|by| (by.reason, by.scope))
}

#[tokio::test]
async fn each_reason_holds_back_what_it_should_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let list = store.suppressions();
    let now = Clock.now();
    let add = async |address, reason, scope| {
        list.add(vec![entry(address, reason, scope)], Origin::Command, Clock.now()).await.unwrap()
    };
    assert_eq!(held(&store, "ann@a.example", "news", false).await, None);
    assert_eq!(add("Ann@A.example", Reason::Unsubscribe, "news").await, listed(1, 0));
    assert_eq!(add("ann@a.example", Reason::Unsubscribe, "news").await, listed(0, 1));
    let left = Some((Reason::Unsubscribe, "news".to_owned()));
    assert_eq!(held(&store, "ANN@a.example", "news", false).await, left);
    assert_eq!(held(&store, "ann@a.example", "other", false).await, None);
    assert_eq!(held(&store, "ann@a.example", "news", true).await, None);
    // What holds more takes the place of what holds less, never the other way round.
    assert_eq!(add("ann@a.example", Reason::Manual, "news").await, listed(1, 0));
    assert_eq!(add("ann@a.example", Reason::Unsubscribe, "news").await, listed(0, 1));
    assert_eq!(held(&store, "ann@a.example", "news", true).await, Some((Reason::Manual, "news".to_owned())));
    assert_eq!(add("ann@a.example", Reason::Complaint, "").await, listed(1, 0));
    assert_eq!(held(&store, "ann@a.example", "other", true).await, Some((Reason::Complaint, String::new())));
    // A list that says unsubscribed from all still lets transactional mail pass.
    assert_eq!(add("bob@a.example", Reason::Unsubscribe, "").await, listed(1, 0));
    assert!(held(&store, "bob@a.example", "any", false).await.is_some());
    assert_eq!(held(&store, "bob@a.example", "any", true).await, None);

    let ann = || Address::parse("ANN@a.example").unwrap();
    assert_eq!(list.remove(ann(), Some(String::new()), now - std::time::Duration::from_hours(1)).await.unwrap(), 1);
    assert_eq!(held(&store, "ann@a.example", "other", false).await, None);
    assert!(held(&store, "ann@a.example", "news", false).await.is_some());
    assert_eq!(list.remove(ann(), None, now).await.unwrap(), 1);
    assert_eq!(list.remove(ann(), None, now).await.unwrap(), 0);
    assert_eq!(held(&store, "ann@a.example", "news", false).await, None);
    // On it again after it was off, though the clock may have been set back.
    assert_eq!(
        list.add(vec![entry("ann@a.example", Reason::Bounce, "")], Origin::Import, now).await.unwrap(),
        listed(1, 0)
    );
    assert!(held(&store, "ann@a.example", "news", true).await.is_some());
    store.rebuild().run(|_| ()).await.unwrap();
    assert!(held(&store, "ann@a.example", "news", true).await.is_some());
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differences, Vec::<String>::new());
}

#[tokio::test]
async fn only_a_final_refusal_suppresses_and_a_suppressed_delivery_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    for (class, holds) in [
        (BounceClass::InvalidRecipient, true),
        (BounceClass::BadDomain, true),
        (BounceClass::InactiveMailbox, true),
        (BounceClass::Policy, false),
        (BounceClass::SpamContent, false),
        (BounceClass::MailboxFull, false),
    ] {
        let address = format!("{class}@a.example");
        let (_, dues) = queue.accept(admission(&[&address], b"hi")).await.unwrap();
        let reply = Reply::local(550, EnhancedCode(5, 0, 0), "no");
        queue.settle(settlement(&dues[0], Outcome::Bounced { class, reply })).await.unwrap();
        assert_eq!(held(&store, &address, "any", true).await.is_some(), holds, "{class}");
    }
    let (_, dues) = queue.accept(admission(&["bad_domain@a.example", "good@a.example"], b"hi")).await.unwrap();
    let by = queue.suppression(&dues[0]).await.unwrap().unwrap();
    queue.suppress(dues[0].clone(), by.clone(), Clock.now()).await.unwrap();
    // Written twice is written once.
    queue.suppress(dues[0].clone(), by, Clock.now()).await.unwrap();
    queue.settle(settlement(&dues[1], Outcome::Delivered(ok()))).await.unwrap();
    let report = store.reports().delivery(dues[0].delivery).await.unwrap().unwrap();
    assert_eq!((report.row.state.as_str(), report.timeline.len(), report.waiting.is_none()), ("suppressed", 2, true));
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differing, 0);
}

#[tokio::test]
async fn leaving_twice_is_leaving_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (_, dues) = store.queue().accept(admission(&["ann@a.example"], b"hi")).await.unwrap();
    let list = store.suppressions();
    let client =
        Client { class: Audience::Human, rule: "test".to_owned(), family: String::new(), address: String::new() };
    let leave =
        async |delivery| list.unsubscribe(delivery, client.clone(), "Agent".to_owned(), Clock.now()).await.unwrap();
    assert!(leave(dues[0].delivery).await && leave(dues[0].delivery).await);
    // A delivery of another life: nothing to do, and no fault.
    assert!(!leave(DeliveryId::from_raw(77)).await);
    assert_eq!(list.stream(dues[0].delivery).await.unwrap().as_deref(), Some("shop.example"));
    let rows = list.list(None, String::new(), None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].delivery, rows[0].origin), (1, Some(dues[0].delivery), Origin::Delivery));
    assert_eq!(rows[0].suppression.scope, "shop.example");
    let report = store.reports().delivery(dues[0].delivery).await.unwrap().unwrap();
    assert_eq!(report.timeline.len(), 2);
    // Taken off by hand and left again: on it again.
    list.remove(Address::parse("ann@a.example").unwrap(), None, Clock.now()).await.unwrap();
    assert!(leave(dues[0].delivery).await);
    assert!(held(&store, "ann@a.example", "shop.example", false).await.is_some());
    store.close();
    assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differing, 0);
}

#[tokio::test]
async fn the_list_is_read_by_pages_reasons_and_beginnings() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let list = store.suppressions();
    let entries = (0..25).map(|n| {
        let reason = if n % 5 == 0 { Reason::Bounce } else { Reason::Manual };
        entry(&format!("{}{n}@a.example", if n < 7 { "x" } else { "y" }), reason, "")
    });
    let twice = entries.clone().chain(entries).collect();
    assert_eq!(list.add(twice, Origin::Import, Clock.now()).await.unwrap(), listed(25, 25));
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let rows = list.list(None, String::new(), before, 10).await.unwrap();
        let Some(last) = rows.last() else { break };
        before = Some(last.place);
        seen.extend(rows.into_iter().map(|row| row.address));
    }
    assert_eq!((seen.len(), seen[0].as_str(), seen[24].as_str()), (25, "y24@a.example", "x0@a.example"));
    let count = async |reason, start: &str| list.list(reason, start.to_owned(), None, 100).await.unwrap().len();
    assert_eq!((count(Some(Reason::Bounce), "").await, count(None, "X").await, count(None, "x1").await), (5, 7, 1));
    assert_eq!((count(Some(Reason::Bounce), "x").await, count(None, "%").await), (2, 0));
    list.remove(Address::parse("x0@a.example").unwrap(), None, Clock.now()).await.unwrap();
    assert_eq!(count(Some(Reason::Bounce), "").await, 4);
    assert_eq!(list.slice(0).await.unwrap().len(), 24);
    let mut read = 0;
    suppressions::<StoreError>(&folder.path().join(FILE), |_| {
        read += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(read, 24);
    store.close();
}
