//! `kill -9` while transactions that many recipients of several domains share are under way: every recipient of what was
//! acknowledged gets the message, and the numbers are those of the receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use super::killed_amid;
use crate::harness::{Config, Sink, Zone, wait_until};

const KILLS: u32 = 5;
const SENDERS: usize = 2;
/// Connections to the one site.
const CONNECTIONS: u32 = 4;
/// Recipients of a message, over the domains.
const RECIPIENTS: usize = 80;
const TOGETHER_MAX: u32 = 50;

#[tokio::test]
async fn kills_amid_shared_transactions_lose_nobody() {
    let sink = Sink::start().await.unwrap();
    let mut zone = Zone::new().a("mx.b.example", "127.0.0.1");
    for n in 0..4 {
        zone = zone.mx(&format!("b{n}.example"), 10, "mx.b.example");
    }
    let dns = zone.start().await;
    let config = Config::mx(dns.address(), sink.port()).set("tracking.unsubscribe", false);
    let mut relay = config.set("delivery.connections_per_site", CONNECTIONS).start().await;
    let login = relay.login().await;
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let after = Duration::from_millis(300 + 41 * u64::from(kill));
        let sent = killed_amid(&mut relay, &login, SENDERS, after, move |sender, n| {
            let to = |to| format!("ok-{kill}x{sender}x{n}x{to}@b{}.example", to % 4);
            let head = format!("From: a@own.example\r\nSubject: {n}\r\nX-Postrider-Campaign: kills\r\n");
            ((0..RECIPIENTS).map(to).collect(), head + "X-Postrider-Track: none\r\n\r\nx\r\n")
        });
        acknowledged.extend(sent.await);
    }
    relay.wait_idle().await;
    let copies = || {
        let mut copies: BTreeMap<String, u32> = BTreeMap::new();
        sink.received().into_iter().flat_map(|mail| mail.rcpt_to).for_each(|to| *copies.entry(to).or_default() += 1);
        copies
    };
    wait_until("all arrive", Duration::from_mins(1), async || {
        let copies = copies();
        acknowledged.iter().all(|to| copies.contains_key(to))
    })
    .await;
    let received = sink.received();
    let wide = |to: &[String]| to.iter().any(|one| one.split('@').nth(1) != to[0].split('@').nth(1));
    let shared = received.iter().filter(|mail| wide(&mail.rcpt_to)).count();
    assert!(shared > received.len() / 4, "{shared} of {} transactions were of several domains", received.len());
    // A duplicate needs a 250 that was on its way at a kill, or whose outcomes were not all written down.
    let copies = copies();
    let twice: u32 = copies.values().map(|n| n - 1).sum();
    assert!(twice <= KILLS * CONNECTIONS * TOGETHER_MAX, "{twice} duplicates");
    let distinct = i64::try_from(copies.len()).unwrap();
    let stats = relay.campaign_with("kills", "/delivered", distinct).await;
    assert_eq!(stats["recipients"].as_i64(), Some(distinct), "{stats}");
    relay.finish().await;
}
