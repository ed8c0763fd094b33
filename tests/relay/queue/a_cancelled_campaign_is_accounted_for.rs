//! A campaign of 300 is cancelled while some of it is under way: each recipient is delivered or cancelled, never both and
//! never lost, and the receiver got what the numbers say.

use std::time::Duration;

use super::{submit, taken, zone};
use crate::harness::{Config, Sink, wait_until};

#[tokio::test]
async fn a_cancelled_campaign_is_accounted_for() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    // Ten at a time, each a second long.
    let to: Vec<_> = (0..300).map(|n| format!("slow1-{n}@b.example")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    submit(&mut relay, "spring", &to).await;
    submit(&mut relay, "other", &["ok-1@c.example"]).await;
    wait_until("some are delivered", Duration::from_secs(30), async || {
        relay.campaign("spring").await["delivered"].as_i64() > Some(5)
    })
    .await;
    let said = relay.command_text(&["queue", "cancel", "--campaign", "spring"]).await;
    assert!(said.contains("deliveries were cancelled"), "{said}");
    let stats = relay.campaign("spring").await;
    assert_eq!((stats["queued"].as_i64(), stats["recipients"].as_i64()), (Some(0), Some(300)));
    assert_eq!(stats["delivered"].as_i64().unwrap() + stats["cancelled"].as_i64().unwrap(), 300, "{stats}");

    // What was under way ends as it ends: stopping in order waits for it.
    relay.restart().await;
    let stats = relay.campaign("spring").await;
    let delivered = stats["delivered"].as_i64().unwrap();
    assert_eq!(delivered + stats["cancelled"].as_i64().unwrap(), 300, "{stats}");
    assert_eq!(taken(&sink, "b.example"), usize::try_from(delivered).unwrap());
    assert!(delivered < 300, "{stats}");
    relay.campaign_with("other", "/delivered", 1).await;
    submit(&mut relay, "spring", &["ok-late@b.example"]).await;
    relay.campaign_with("spring", "/delivered", delivered + 1).await;
    relay.finish().await;
}
