//! A domain whose mail exchanger, under another name, is this relay's own submission listener: the relay will not relay for
//! itself without a login, so the mail bounces after one try. Its sender's domain leads here too: nothing comes of that notice.

use crate::harness::{Config, PATIENCE, Zone, wait_until};

#[tokio::test]
async fn mail_for_ourselves_does_not_go_round() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dns = Zone::new().mx("own.example", 10, "elsewhere.example").a("elsewhere.example", "127.0.0.1").start().await;
    let config = Config::mx(dns.address(), port).set("submission.listen", vec![format!("127.0.0.1:{port}")]);
    let mut relay = config.start().await;
    let mail = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: round\r\n\r\nx\r\n";
    assert_eq!(relay.submit("a@own.example", &["b@own.example"], mail).await.code, 250);
    relay.campaign_with("round", "/bounced", 1).await;
    let bounces = || relay.log().lines().filter(|line| line.contains(" bounced ")).count();
    wait_until("the notice is refused as well", PATIENCE, async || bounces() == 2).await;
    relay.wait_idle().await;
    let log = relay.log();
    let refused = log.lines().filter(|line| line.contains(" bounced ") && line.contains("code=530"));
    assert!(refused.clone().count() == 2 && refused.clone().all(|line| line.contains("attempt=1")), "{log}");
    assert_eq!(log.lines().filter(|line| line.contains(": accepted ")).count(), 1, "{log}");
    assert_eq!(bounces(), 2, "{log}");
    relay.finish().await;
}
