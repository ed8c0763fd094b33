//! 50,000 mails to a domain that never answers, then one to another.

use std::time::Duration;

use crate::harness::{Config, Sink, SinkSettings, Zone};

#[tokio::test]
async fn a_hanging_domain_holds_up_nobody() {
    let sink = Sink::with(SinkSettings::default()).await.unwrap();
    // Each has an exchanger of its own: domains of one site share its connections, also when one of them hangs.
    let mut zone = Zone::new();
    for domain in ["hang.example", "b.example"] {
        zone = zone.mx(domain, 10, &format!("mx.{domain}")).a(&format!("mx.{domain}"), "127.0.0.1");
    }
    let dns = zone.start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    let mut client = relay.client().await;
    let mail = "From: a@own.example\r\nSubject: x\r\n\r\nx\r\n";
    for batch in 0..50 {
        let to: Vec<_> = (0..1_000).map(|n| format!("hang-{batch}x{n}@hang.example")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        assert_eq!(client.send("a@own.example", &to, mail).await.code, 250);
    }
    assert_eq!(client.send("a@own.example", &["ok@b.example"], mail).await.code, 250);
    let arrived = tokio::time::timeout(Duration::from_secs(5), sink.wait_for(1)).await;
    assert!(arrived.is_ok_and(|received| received.is_ok()), "the other domain waits behind the hanging one");
    client.quit().await;
    relay.kill().await;
    relay.finish_with_queue().await;
}
