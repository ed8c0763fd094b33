//! A thousand refusals of one sender's mail: twenty notices, and one digest when the hour is over.

use std::time::Duration;

use crate::harness::{Config, Notice, PATIENCE, Sink, wait_until};

#[tokio::test]
async fn a_storm_of_refusals_is_few_notices() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut client = relay.client().await;
    let mail = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: storm\r\n\r\nx\r\n";
    for n in 0..1_000 {
        let to = format!("{}-{n}@b.example", if n % 10 == 0 { "f571" } else { "permfail" });
        assert_eq!(client.send("a@own.example", &[&to], mail).await.code, 250);
    }
    client.quit().await;
    relay.campaign_with("storm", "/bounced", 1_000).await;
    wait_until("twenty notices arrive", PATIENCE, async || sink.received().len() == 20).await;
    // A minute later.
    relay.stop().await;
    relay.sql("update notice_due set due_at = 0");
    relay.restart().await;
    wait_until("the others are gathered", PATIENCE, async || relay.count("notice_due") == 0).await;
    assert_eq!(sink.received().len(), 20);
    let hour = Duration::from_hours(1).as_millis();
    relay.stop().await;
    relay.sql(&format!("update notice_sender set began_at = began_at - {hour}"));
    relay.restart().await;
    wait_until("the digest arrives", PATIENCE, async || sink.received().len() == 21).await;
    let digest = Notice::read(&sink.received()[20]).await;
    assert_eq!(digest.header("subject"), "Not delivered: your mail to 980 recipients within an hour");
    assert_eq!(digest.recipients(), 100);
    let text = digest.text();
    assert!(text.contains("Address does not exist.") && text.contains("Other refusal."), "{text}");
    let stats = relay.campaign_with("storm", "/bounced", 1_000).await;
    assert_eq!(stats["recipients"], 1_000);
    assert_eq!(relay.count("notice_sender"), 0);
    relay.finish().await;
}
