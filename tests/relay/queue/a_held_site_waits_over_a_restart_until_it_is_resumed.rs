//! A pause of a receiving site holds back all its domains, those too that are only found to be of it, over a `kill -9`, by
//! the command line; other sites get their mail.

use super::{submit, taken, zone};
use crate::harness::{Config, PATIENCE, Relay, Sink, wait_until};

/// Waits until the list says where a domain's mail goes: then the relay knows it and has decided.
async fn located(relay: &Relay, domain: &str, site: &str) {
    wait_until(&format!("{domain} is at {site}"), PATIENCE, async || {
        let list = relay.command_text(&["queue", "--site", site]).await;
        list.lines().any(|line| line.starts_with(&format!("{domain}\t")) && line.ends_with(&format!("\t{site}")))
    })
    .await;
}

async fn fails(relay: &Relay, arguments: &[&str], code: i32, word: &str) {
    let output = relay.command(arguments).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(code) && text.contains(word), "{arguments:?}: {text}");
}

#[tokio::test]
async fn a_held_site_waits_over_a_restart_until_it_is_resumed() {
    let sink = Sink::start().await.unwrap();
    let zone = zone().a("mx.d.example", "127.0.0.1").mx("d.example", 10, "mx.d.example");
    let dns = zone.mx("e.example", 10, "mx.b.example").mx("f.example", 10, "mx.b.example").start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]).start().await;
    fails(&relay, &["queue", "pause", "--site", "mx.b.example"], 1, "no mail went to a receiving site").await;
    submit(&mut relay, "spring", &["ok-1@b.example", "ok-1@c.example", "ok-1@d.example", "greylist-1@c.example"]).await;
    relay.campaign_with("spring", "/delivered", 3).await;

    let said = relay.command_text(&["queue", "pause", "--site", "MX.b.example"]).await;
    assert!(said.contains("is paused"), "{said}");
    fails(&relay, &["queue", "pause", "--site", "mx.b.example", "--all"], 2, "cannot be used with").await;
    fails(&relay, &["queue", "cancel", "--site", "mx.b.example"], 2, "--site").await;
    submit(&mut relay, "spring", &["ok-2@b.example", "ok-2@c.example", "ok-2@d.example", "ok-2@e.example"]).await;
    relay.campaign_with("spring", "/delivered", 4).await;
    located(&relay, "e.example", "mx.b.example").await;
    // It is due now, and waits with the others.
    assert!(relay.command_text(&["queue", "retry", "--site", "mx.b.example"]).await.contains("1 deliveries"));
    let list = relay.command_text(&["queue", "--site", "mx.b.example"]).await;
    assert!(list.contains("paused: site mx.b.example, 4 waiting") && !list.contains("d.example\t"), "{list}");
    let id = relay.api("/api/v1/campaigns/spring").await;
    assert_eq!(id["queued"], 4, "{id}");

    relay.kill().await;
    let list = relay.command_text(&["queue"]).await;
    assert!(list.contains("paused: site mx.b.example, 4 waiting"), "{list}");
    relay.restart().await;
    submit(&mut relay, "spring", &["ok-3@f.example", "ok-3@d.example"]).await;
    relay.campaign_with("spring", "/delivered", 5).await;
    located(&relay, "f.example", "mx.b.example").await;
    assert_eq!(["b", "c", "d", "e", "f"].map(|name| taken(&sink, &format!("@{name}.example"))), [1, 1, 3, 0, 0]);

    let said = relay.command_text(&["queue", "resume", "--site", "mx.b.example"]).await;
    assert!(said.contains("is resumed"), "{said}");
    relay.campaign_with("spring", "/delivered", 10).await;
    assert_eq!(["b", "c", "d", "e", "f"].map(|name| taken(&sink, &format!("@{name}.example"))), [2, 3, 3, 1, 1]);
    relay.finish().await;
}
