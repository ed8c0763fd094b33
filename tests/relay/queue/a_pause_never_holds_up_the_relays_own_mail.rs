//! While a domain is paused, senders are told of failures elsewhere, at the second try and over a `kill -9` too.

use super::zone;
use crate::harness::{Config, Sink, notice_to};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\n\r\nx\r\n";

#[tokio::test]
async fn a_pause_never_holds_up_the_relays_own_mail() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1s"]).start().await;
    relay.command_text(&["queue", "pause", "--domain", "c.example"]).await;
    for sender in ["greylist-first@b.example", "twice-second@b.example"] {
        assert_eq!(relay.submit(sender, &[&format!("permfail-{sender}")], MAIL).await.code, 250);
    }
    assert_eq!(notice_to(&sink, "greylist-first@b.example").await.recipients(), 1);
    relay.kill().await;
    relay.restart().await;
    assert_eq!(notice_to(&sink, "twice-second@b.example").await.recipients(), 1);
    relay.command_text(&["queue", "resume", "--domain", "c.example"]).await;
    relay.finish().await;
}
