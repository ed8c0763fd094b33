//! `kill -9` ten times, each in the middle of what four senders submit and the relay delivers: every message that was
//! acknowledged arrives, and the numbers are those of the receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use super::killed_amid;
use crate::harness::{Config, Sink, wait_until};

const KILLS: u32 = 10;
const SENDERS: usize = 4;
/// Connections to the one site.
const CONNECTIONS: u32 = 8;

#[tokio::test]
async fn ten_kills_under_load_lose_nothing() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.connections_per_site", CONNECTIONS).start().await;
    let login = relay.login().await;
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        // Each time at another moment of the commits and of the attempts.
        let after = Duration::from_millis(200 + 37 * u64::from(kill));
        let sent = killed_amid(&mut relay, &login, SENDERS, after, move |sender, n| {
            let head = format!("From: a@own.example\r\nSubject: {n}\r\nX-Postrider-Campaign: kills\r\n");
            let page = format!("Content-Type: text/html\r\n\r\n<a href=\"https://a.example/{n}\">x</a>\r\n");
            (vec![format!("ok-{kill}x{sender}x{n}@b.example")], head + &page)
        });
        acknowledged.extend(sent.await);
    }
    relay.wait_idle().await;
    wait_until("all arrive", Duration::from_mins(1), async || {
        let received: std::collections::HashSet<_> =
            sink.received().into_iter().flat_map(|mail| mail.rcpt_to).collect();
        acknowledged.iter().all(|to| received.contains(to))
    })
    .await;
    // A duplicate needs a 250 that was on its way at a kill: at most as many as there were connections.
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    for received in sink.received() {
        *copies.entry(received.rcpt_to.join(",")).or_default() += 1;
    }
    let twice: u32 = copies.values().map(|n| n - 1).sum();
    assert!(twice <= KILLS * CONNECTIONS, "{twice} duplicates");
    // What was stored when its 250 did not come through any more is delivered too, and counted.
    let distinct = i64::try_from(copies.len()).unwrap();
    let stats = relay.campaign_with("kills", "/delivered", distinct).await;
    assert_eq!(stats["recipients"].as_i64(), Some(distinct), "{stats}");
    relay.finish().await;
}
