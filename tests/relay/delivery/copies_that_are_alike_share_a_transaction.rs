//! A message that is not tracked goes to many recipients of a domain in few transactions: each has a fate of its own and
//! exactly one copy. Tracked mail goes alone.

use std::collections::BTreeMap;

use crate::harness::{Config, Sink, Zone};

const UNTRACKED: &str = "From: News <news@own.example>\r\nSubject: Spring\r\nX-Postrider-Campaign: plain\r\n\
    X-Postrider-Track: none\r\n\r\nHello\r\n";
const TRACKED: &str = "From: News <news@own.example>\r\nSubject: Spring\r\nX-Postrider-Campaign: tracked\r\n\
    Content-Type: text/html\r\n\r\n<a href=\"https://shop.example/\">Shop</a>\r\n";

#[tokio::test]
async fn copies_that_are_alike_share_a_transaction() {
    let sink = Sink::start().await.unwrap();
    let dns = Zone::new().a("mx.b.example", "127.0.0.1").mx("b.example", 10, "mx.b.example").start().await;
    let config = Config::mx(dns.address(), sink.port()).set("tracking.unsubscribe", false);
    let mut relay = config.start().await;
    let mut to: Vec<_> = (0..118).map(|n| format!("ok-{n}@b.example")).collect();
    to.insert(20, "permfail@b.example".to_owned());
    to.insert(70, "greylist@b.example".to_owned());
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("bounce@own.example", &to, UNTRACKED).await.code, 250);
    let stats = relay.campaign_with("plain", "/delivered", 119).await;
    assert_eq!((stats["recipients"].as_i64(), stats["bounced"].as_i64()), (Some(120), Some(1)), "{stats}");
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    sink.received().into_iter().flat_map(|mail| mail.rcpt_to).for_each(|to| *copies.entry(to).or_default() += 1);
    assert!(copies.len() == 119 && copies.values().all(|n| *n == 1), "{copies:?}");
    // 50, 50 and 20, and then the one that was to come again.
    let sizes: Vec<_> = sink.received().iter().map(|mail| mail.rcpt_to.len()).collect();
    assert_eq!(sizes.len(), 4, "{sizes:?}");

    assert_eq!(relay.submit("bounce@own.example", &to[..10], TRACKED).await.code, 250);
    relay.campaign_with("tracked", "/delivered", 10).await;
    let tracked = sink.received().split_off(4);
    assert!(tracked.len() == 10 && tracked.iter().all(|mail| mail.rcpt_to.len() == 1));
    relay.finish().await;
}

/// The best exchanger alone makes a site, so its domains share permits; a transaction only those whose other hosts are
/// the same too.
#[tokio::test]
async fn domains_share_a_transaction_where_all_their_hosts_are_the_same() {
    let sink = Sink::start().await.unwrap();
    let dns = Zone::new()
        .a("mx.b.example", "127.0.0.1")
        .a("mx.c.example", "127.0.0.1")
        .mx("one.example", 10, "mx.b.example")
        .mx("two.example", 5, "mx.b.example")
        .mx("other.example", 10, "mx.b.example")
        .mx("other.example", 20, "mx.c.example")
        .start()
        .await;
    let config = Config::mx(dns.address(), sink.port()).set("tracking.unsubscribe", false);
    let mut relay = config.set("delivery.connections_per_site", 1).start().await;
    let to = ["ok-a@one.example", "ok-b@other.example", "ok-c@two.example", "ok-d@other.example", "ok-e@one.example"];
    let first = UNTRACKED.replace("plain", "first");
    assert_eq!(relay.submit("bounce@own.example", &to, &first).await.code, 250);
    relay.campaign_with("first", "/delivered", 5).await;
    let before = sink.received().len();
    assert_eq!(relay.submit("bounce@own.example", &to, UNTRACKED).await.code, 250);
    relay.campaign_with("plain", "/delivered", 5).await;
    let mut groups: Vec<Vec<String>> = sink.received().split_off(before).into_iter().map(|mail| mail.rcpt_to).collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    assert_eq!(groups, [vec![to[0], to[2], to[4]], vec![to[1], to[3]]]);
    relay.finish().await;
}
