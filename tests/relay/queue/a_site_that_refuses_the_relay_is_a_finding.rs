//! A server that has this relay on a list of its own is told on the overview and on the queue's page, with its words and
//! what to do; it suppresses nobody, and a user who is unknown is no finding.

use crate::harness::{Config, Request, Sink, Zone};

#[tokio::test]
async fn a_site_that_refuses_the_relay_is_a_finding() {
    let sink = Sink::start().await.unwrap();
    let zone = Zone::new().mx("b.example", 10, "mx.b.example").a("mx.b.example", "127.0.0.1");
    let dns = zone.mx("c.example", 10, "mx.c.example").a("mx.c.example", "127.0.0.1").start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    let cookie = relay.signed_in().await;
    let page = async |relay: &crate::harness::Relay, path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: listed\r\n\r\nhi\r\n";
    assert_eq!(relay.submit("a@own.example", &["permfail-ann@c.example", "ok@c.example"], mail).await.code, 250);
    relay.campaign_with("listed", "/bounced", 1).await;
    for path in ["/", "/queue"] {
        assert!(!page(&relay, path).await.contains("refuses mail of this relay"), "{path}");
    }

    let to = ["blocklist-bob@b.example", "blocklist-cid@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, mail).await.code, 250);
    relay.campaign_with("listed", "/bounced", 3).await;
    for path in ["/", "/queue"] {
        let text = page(&relay, path).await;
        for wanted in [
            "mx.b.example refuses mail of this relay: Sending address is on a blocklist.",
            "2 times since ",
            " for b.example: ",
            "550 5.7.1 Service unavailable; client [127.0.0.1] is listed at spamhaus &#60;b&#62;",
            "Ask the list&#39;s owner",
            "href=\"/messages?domain=b.example\"",
        ] {
            assert!(text.contains(wanted), "{wanted} is not on {path}: {text}");
        }
        assert!(!text.contains("mx.c.example refuses"), "{path}");
    }
    let list = relay.command_text(&["suppression", "list"]).await;
    assert!(list.starts_with("permfail-ann@c.example\tbounce") && list.lines().count() == 1, "{list}");
    let stats = relay.campaign("listed").await;
    assert_eq!((stats["bounced"].as_i64(), stats["suppressed"].as_i64()), (Some(3), Some(0)), "{stats}");
    relay.finish().await;
}
