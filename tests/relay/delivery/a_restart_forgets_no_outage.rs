//! The resolver answers nothing, the mail's life ends meanwhile, and the relay is started anew before it answers again:
//! nothing expires, also what is refused for now when it is tried at last, and everything is delivered.

use std::time::Duration;

use crate::harness::{Config, PATIENCE, Sink, Zone, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: dark\r\n\r\nx\r\n";

#[tokio::test]
async fn a_restart_forgets_no_outage() {
    let sink = Sink::start().await.unwrap();
    let zone = || Zone::new().mx("b.example", 10, "mx.b.example").a("mx.b.example", "127.0.0.1");
    let dns = zone().dead().start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.expire", "5s");
    let mut relay = config.start().await;
    assert_eq!(relay.submit("a@own.example", &["ok-1@b.example", "greylist-2@b.example"], MAIL).await.code, 250);
    let accepted = tokio::time::Instant::now();
    wait_until("the relay sees it", 2 * PATIENCE, async || relay.log().contains("reaches nobody")).await;
    wait_until("it is kept", PATIENCE, async || relay.count("spared") == 1).await;
    wait_until("its life is over", PATIENCE, async || accepted.elapsed() > Duration::from_secs(7)).await;
    relay.restart().await;
    let asked = dns.asked().len();
    wait_until("it is tried again", 2 * PATIENCE, async || dns.asked().len() > asked).await;
    dns.replace(zone());
    relay.campaign_with("dark", "/delivered", 2).await;
    assert_eq!(relay.campaign("dark").await["expired"].as_i64(), Some(0));
    wait_until("its end is kept", PATIENCE, async || relay.log().contains("reaches others again")).await;
    relay.stop().await;
    relay.sql("delete from spared where ended is not null");
    assert_eq!(relay.count("spared"), 0, "nothing is under way any more");
    relay.finish().await;
}
