//! With an hour between two tries, `queue retry` sends what was deferred at once.

use super::{submit, zone};
use crate::harness::{Config, Sink};

#[tokio::test]
async fn retry_now_does_not_wait_for_the_schedule() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]);
    let mut relay = config.start().await;
    submit(&mut relay, "spring", &["greylist-1@b.example", "twice-2@b.example", "greylist-3@c.example"]).await;
    relay.campaign_with("spring", "/deferred", 3).await;
    let said = relay.command_text(&["queue", "retry", "--domain", "b.example"]).await;
    assert!(said.contains("2 deliveries are due now"), "{said}");
    relay.campaign_with("spring", "/delivered", 1).await;
    let said = relay.command_text(&["queue", "retry"]).await;
    assert!(said.contains("2 deliveries are due now") || said.contains("1 deliveries are due now"), "{said}");
    relay.campaign_with("spring", "/delivered", 3).await;
    assert_eq!(sink.received().len(), 3);
    relay.finish().await;
}
