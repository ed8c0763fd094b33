//! Many domains have one mail exchanger: no more connections stand to it at one time than one site may have, from the
//! first mail on.

use crate::harness::{Config, Sink, Zone};

/// Tracked, so that each copy is another and goes by itself.
const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: site\r\nContent-Type: text/html\r\n\r\n\
    <a href=\"https://a.example/\">x</a>\r\n";

#[tokio::test]
async fn many_domains_of_one_site_share_its_connections() {
    let sink = Sink::start().await.unwrap();
    let mut zone = Zone::new().a("mx.big.example", "127.0.0.1");
    for n in 0..20 {
        zone = zone.mx(&format!("d{n}.example"), 10, "mx.big.example");
    }
    let dns = zone.start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.connections_per_site", 2);
    let mut relay = config.start().await;
    for round in ["one", "two"] {
        let to: Vec<_> = (0..20).flat_map(|n| (0..2).map(move |m| format!("ok-{round}-{m}@d{n}.example"))).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
        let delivered = if round == "one" { 40 } else { 80 };
        relay.campaign_with("site", "/delivered", delivered).await;
        assert_eq!(sink.tally().sessions_open_max, 2, "after round {round}");
    }
    relay.finish().await;
}
