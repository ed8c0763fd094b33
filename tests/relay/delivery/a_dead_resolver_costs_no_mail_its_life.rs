//! The resolver answers nothing for longer than mail lives: nothing expires, no attempt is counted, the overview says what
//! is wrong; when it answers again, everything is delivered.

use std::time::Duration;

use crate::harness::{Config, PATIENCE, Request, Sink, Zone, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: dark\r\n\r\nx\r\n";

#[tokio::test]
async fn a_dead_resolver_costs_no_mail_its_life() {
    let sink = Sink::start().await.unwrap();
    let zone = |dead: bool| {
        let mut zone = Zone::new();
        for domain in ["b.example", "c.example"] {
            zone = zone.mx(domain, 10, &format!("mx.{domain}")).a(&format!("mx.{domain}"), "127.0.0.1");
        }
        if dead { zone.dead() } else { zone }
    };
    let dns = zone(true).start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.expire", "5s").set("delivery.retry", vec!["1s"]);
    let mut relay = config.start().await;
    let to = ["ok-1@b.example", "ok-2@b.example", "ok-3@c.example"];
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    let accepted = tokio::time::Instant::now();
    wait_until("the relay sees that it is cut off", 2 * PATIENCE, async || relay.log().contains("reaches nobody"))
        .await;
    wait_until("its life is over", PATIENCE, async || accepted.elapsed() > Duration::from_secs(7)).await;
    let stats = relay.campaign("dark").await;
    assert_eq!((stats["expired"].as_i64(), stats["deferred"].as_i64()), (Some(0), Some(0)), "{stats}");
    assert_eq!(relay.http(&Request::get("/healthz")).await.status, 200);

    dns.replace(zone(false));
    wait_until("all are delivered", 3 * PATIENCE, async || to.iter().all(|to| !sink.received_by(to).is_empty())).await;
    let stats = relay.campaign_with("dark", "/delivered", 3).await;
    assert_eq!((stats["expired"].as_i64(), stats["queued"].as_i64()), (Some(0), Some(0)));
    relay.finish().await;
}
