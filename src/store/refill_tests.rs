//! What a read of a domain brings.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::Queue;
use super::queue::Refill;
use super::tests::{admission, ok, open, settlement};
use crate::clock::Clock;
use crate::domain::{Campaign, DeliveryId, Domain, Mode, Outcome};

async fn read(queue: &Queue, under_way: HashSet<DeliveryId>, limit: usize) -> Refill {
    let later = Clock.now() + Duration::from_secs(1);
    queue
        .refill(Domain::parse("x.example").unwrap(), super::LeftOut { under_way, ..Default::default() }, later, limit)
        .await
        .unwrap()
}

fn by_campaign(read: &Refill) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    read.due.iter().for_each(|due| *counts.entry(due.campaign.raw()).or_default() += 1);
    counts
}

#[tokio::test]
async fn each_campaign_has_its_share_of_a_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let accept = async |campaign: &str, recipients: usize| {
        let to: Vec<_> = (0..recipients).map(|n| format!("u{n}@x.example")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let campaign = Campaign::new(campaign, Mode::Live);
        let id = campaign.id().raw();
        (id, queue.accept(crate::store::Admission { campaign, ..admission(&to, b"hi") }).await.unwrap().1)
    };
    let (large, dues) = accept("large", 1_000).await;
    let (small, _) = accept("small", 5).await;
    let found = read(&queue, HashSet::new(), 200).await;
    assert_eq!(by_campaign(&found), BTreeMap::from([(large, 100), (small, 5)]));
    assert!(found.more && found.later.is_none());
    // Earliest first, without what is under way.
    let under_way: HashSet<_> = dues.iter().take(300).map(|due| due.delivery).collect();
    let found = read(&queue, under_way.clone(), 10).await;
    assert_eq!(by_campaign(&found), BTreeMap::from([(large, 5), (small, 5)]));
    assert!(found.due.iter().all(|due| !under_way.contains(&due.delivery)));
    // All that is left is no more.
    for due in &dues[..997] {
        queue.settle(settlement(due, Outcome::Delivered(ok()))).await.unwrap();
    }
    let found = read(&queue, HashSet::new(), 10).await;
    assert_eq!((by_campaign(&found), found.more), (BTreeMap::from([(large, 3), (small, 5)]), false));
    // A share that is all that there is.
    let found = read(&queue, HashSet::new(), 6).await;
    assert_eq!((by_campaign(&found), found.more), (BTreeMap::from([(large, 3), (small, 3)]), true));
}
