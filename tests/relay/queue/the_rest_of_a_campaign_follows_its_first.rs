//! Where few of a campaign's first deliveries at a site are refused, the rest follows by itself, once each of the first
//! was tried; who is greylisted or was never answered refuses nothing.

use std::collections::BTreeSet;

use super::{submit, zone};
use crate::harness::{Config, Sink};

#[tokio::test]
async fn the_rest_of_a_campaign_follows_its_first() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let config = Config::mx(dns.address(), sink.port())
        .set("delivery.canary.first", 10)
        .set("delivery.canary.refused", 0.2)
        .set("delivery.connections_per_site", 3)
        .set("delivery.retry", vec!["1s"]);
    let mut relay = config.start().await;
    let word = |n: usize| ["permfail", "greylist", "ok", "slow", "greylist", "drop"].get(n).copied().unwrap_or("ok");
    let all: Vec<_> = (0..60).map(|n| format!("{}-{n}@{}.example", word(n), ["b", "c"][n % 2])).collect();
    submit(&mut relay, "spring", &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // All but the refused one and the one whose connection breaks each time.
    relay.campaign_with("spring", "/delivered", 58).await;
    let stats = relay.campaign("spring").await;
    assert_eq!((stats["bounced"].as_i64(), stats["queued"].as_i64()), (Some(1), Some(1)));
    assert_eq!(stats["held"].as_array().map(Vec::len), Some(0));
    // The slow one is among the first: no eleventh was asked for before it had its answer, a second after its data.
    let asked = sink.commands("RCPT");
    let slow = asked.iter().find(|line| line.text.contains("slow-3@")).unwrap();
    let mut heard = BTreeSet::new();
    let eleventh = asked.iter().find(|line| heard.insert(line.text.clone()) && heard.len() == 11).unwrap();
    assert!(eleventh.at_ms >= slow.at_ms + 1_000, "{eleventh:?} after {slow:?}");
    let first: Vec<_> = heard.iter().filter(|text| **text != eleventh.text).collect();
    let of = |domain: &str| first.iter().filter(|text| text.contains(domain)).count();
    assert!(of("@b.example") > 0 && of("@c.example") > 0, "one sample for both domains of the site: {first:?}");
    assert!(relay.command_text(&["queue", "cancel", "--campaign", "spring"]).await.contains("1 deliveries"));
    relay.finish().await;
}
