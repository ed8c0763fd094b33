//! `kill -9` between a refusal and its notice, and again once the notice is in the queue: it arrives, once.

use crate::harness::{Config, PATIENCE, Sink, notice_to, wait_until};

#[tokio::test]
async fn a_kill_before_the_notice_loses_none() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.retry", vec!["2s"]).start().await;
    let mail = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: kill\r\n\r\nx\r\n";
    // The second one is still under way, so the notice about the first waits for it.
    let to = ["permfail-1@b.example", "twice-1@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, mail).await.code, 250);
    relay.campaign_with("kill", "/bounced", 1).await;
    assert!(sink.received().is_empty());
    relay.kill().await;
    relay.restart().await;
    let notice = notice_to(&sink, "a@own.example").await;
    assert_eq!((notice.recipients(), notice.recipient("permfail-1", "Action")), (1, "failed".to_owned()));
    relay.kill().await;
    relay.restart().await;
    relay.campaign_with("kill", "/delivered", 1).await;
    // A later one arrives, so nothing earlier is still to come.
    assert_eq!(relay.submit("b@own.example", &["permfail-2@b.example"], mail).await.code, 250);
    notice_to(&sink, "b@own.example").await;
    wait_until("nothing is left to tell", PATIENCE, async || relay.count("notice_due") == 0).await;
    // The kill may have met the notice between the server's 250 and its commit: then it came twice, as any mail may.
    let copies = sink.received_by("a@own.example");
    let first = copies.first().map(|mail| mail.bytes.clone());
    assert!(copies.len() <= 2 && copies.iter().all(|mail| Some(&mail.bytes) == first.as_ref()), "{}", copies.len());
    relay.finish().await;
}
