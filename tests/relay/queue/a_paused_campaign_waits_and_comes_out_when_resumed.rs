//! A pause of a campaign and one of a domain hold back theirs and nothing else, over a `kill -9` too, until they end.

use super::{submit, taken, zone};
use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_paused_campaign_waits_and_comes_out_when_resumed() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    submit(&mut relay, "spring", &["ok-first@b.example"]).await;
    relay.campaign_with("spring", "/delivered", 1).await;

    let said = relay.command_text(&["queue", "pause", "--campaign", "spring"]).await;
    assert!(said.contains("is paused"), "{said}");
    let twenty: Vec<_> = (0..20).map(|n| format!("ok-{n}@b.example")).collect();
    let twenty: Vec<_> = twenty.iter().map(String::as_str).collect();
    submit(&mut relay, "spring", &twenty).await;
    submit(&mut relay, "other", &["ok-1@b.example", "ok-2@b.example", "ok-3@c.example"]).await;
    relay.campaign_with("other", "/delivered", 3).await;
    relay.command_text(&["queue", "pause", "--domain", "c.example"]).await;

    relay.kill().await;
    relay.restart().await;
    submit(&mut relay, "other", &["ok-4@b.example", "ok-5@c.example"]).await;
    relay.campaign_with("other", "/delivered", 4).await;
    let stats = relay.campaign("spring").await;
    assert_eq!((stats["delivered"].as_i64(), stats["queued"].as_i64()), (Some(1), Some(20)));
    assert_eq!((taken(&sink, "b.example"), taken(&sink, "c.example")), (1 + 3, 1));
    let list = relay.command_text(&["queue"]).await;
    assert!(
        list.contains("paused: campaign spring, 20 waiting") && list.contains("paused: domain c.example"),
        "{list}"
    );

    relay.command_text(&["queue", "resume", "--campaign", "spring"]).await;
    relay.campaign_with("spring", "/delivered", 21).await;
    assert_eq!(taken(&sink, "c.example"), 1);
    relay.command_text(&["queue", "resume", "--domain", "c.example"]).await;
    relay.campaign_with("other", "/delivered", 5).await;
    assert_eq!((taken(&sink, "b.example"), taken(&sink, "c.example")), (24, 2));
    relay.finish().await;
}
