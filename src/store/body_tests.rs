//! Bodies: kept whole, checked, and let go.

use super::tests::{admission, ok, open, settlement};
use super::*;
use crate::clock::Clock;
use crate::domain::{Campaign, MessageId, Mode, Outcome};

#[tokio::test]
async fn bodies_of_all_sizes_come_back_and_damage_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let large = vec![b'x'; 300_000];
    let (small_id, _) = queue.accept(admission(&["a@x.example"], b"small")).await.unwrap();
    let (large_id, _) = queue.accept(admission(&["a@x.example"], &large)).await.unwrap();
    assert_eq!(queue.message(small_id).await.unwrap().unwrap().body, b"small");
    assert_eq!(queue.message(large_id).await.unwrap().unwrap().body, large);
    std::fs::write(folder.path().join("bodies/orphan.eml"), b"x").unwrap();
    store.close();
    drop(store);
    let file = std::fs::read_dir(folder.path().join("bodies"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| !p.ends_with("orphan.eml"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[77] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let store = open(folder.path());
    assert!(!folder.path().join("bodies/orphan.eml").exists());
    assert!(matches!(store.queue().message(large_id).await.unwrap(), Err(BodyFault::Damaged(_))));
    assert_eq!(store.queue().message(MessageId::from_raw(5)).await.unwrap().unwrap_err(), BodyFault::Gone);
    store.close();
}

#[tokio::test]
async fn samples_of_many_campaigns_keep_no_other_body() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue();
    let send = async |n: usize| {
        let campaign = Campaign::new(&format!("campaign {n}"), Mode::Live);
        let (_, dues) = queue.accept(Admission { campaign, ..admission(&["a@x.example"], b"hi") }).await.unwrap();
        dues.into_iter().next().unwrap()
    };
    let older = send(0).await;
    let samples = futures_util::future::join_all((0..501).map(&send)).await;
    for due in samples.iter().chain([&older]) {
        queue.settle(settlement(due, Outcome::Delivered(ok()))).await.unwrap();
    }
    let tomorrow = Clock.now() + std::time::Duration::from_hours(24);
    assert_eq!(queue.sweep_bodies(tomorrow, i64::MAX).await.unwrap(), 1);
    assert_eq!(queue.sweep_bodies(tomorrow, i64::MAX).await.unwrap(), 0, "a sample of each stays");
    store.close();
}
