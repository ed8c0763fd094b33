//! `kill -9` three times while 300 messages are submitted: every message that was acknowledged arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::{Client, Config, Sink};

#[tokio::test]
async fn three_kills_lose_nothing() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.connections_per_site", 2).start().await;
    let login = relay.login().await;
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut client = Client::logged_in(relay.submission(), &login).await;
        for n in 0..75 {
            let to = format!("ok-{round}x{n}@b.example");
            let mail = format!(
                "From: a@own.example\r\nSubject: {round} {n}\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/{n}\">x</a>\r\n"
            );
            assert_eq!(client.send("a@own.example", &[&to], &mail).await.code, 250);
            acknowledged.push(to);
        }
        if round < 3 {
            relay.kill().await;
            relay.restart().await;
        }
    }
    assert_eq!(acknowledged.len(), 300);
    relay.wait_idle().await;
    crate::harness::wait_until("all arrive", Duration::from_secs(30), async || {
        acknowledged.iter().all(|to| !sink.received_by(to).is_empty())
    })
    .await;
    // A duplicate needs a 250 that was on its way at a kill: at most as many as there were connections.
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    for received in sink.received() {
        *copies.entry(received.rcpt_to.join(",")).or_default() += 1;
    }
    let twice: usize = copies.values().map(|n| n - 1).sum();
    assert!(twice <= 3 * 2, "{twice} duplicates");
    relay.finish().await;
}
