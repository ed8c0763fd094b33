//! `kill -9` twice while mail of many senders is refused: each sender's notice is written once, and arrives.

use std::time::Duration;

use crate::harness::{Client, Config, Sink, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: kills\r\n\r\nx\r\n";

#[tokio::test]
async fn kills_in_a_run_of_refusals_tell_each_sender_once() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.connections_per_site", 2).start().await;
    let login = relay.login().await;
    let mut senders = Vec::new();
    for round in 0..3 {
        let mut client = Client::logged_in(relay.submission(), &login).await;
        for n in 0..40 {
            let sender = format!("sender-{round}x{n}@own.example");
            assert_eq!(client.send(&sender, &[&format!("permfail-{round}x{n}@b.example")], MAIL).await.code, 250);
            senders.push(sender);
        }
        if round < 2 {
            relay.kill().await;
            relay.restart().await;
        }
    }
    relay.campaign_with("kills", "/bounced", 120).await;
    wait_until("each sender is told", Duration::from_mins(1), async || {
        senders.iter().all(|sender| !sink.received_by(sender).is_empty())
    })
    .await;
    assert_eq!((relay.count("notice_due"), relay.count("notice_delivery")), (0, 120));
    // As any mail, a notice whose 250 was on its way at a kill comes twice: at most one for each connection.
    let twice = sink.received().len() - senders.len();
    assert!(twice <= 2 * 2, "{twice} came twice");
    relay.finish().await;
}
