//! A campaign over real DNS to receivers that take, defer, refuse and cannot be found: each delivery ends in its right
//! state, and the numbers are what the receiver saw.

use crate::harness::{Config, Mail, Sink, Zone};

const MAIL: &str = "From: News <news@own.example>\r\nTo: you@b.example\r\nSubject: Spring\r\nX-Postrider-Campaign: spring\r\n\
    Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><a href=\"https://shop.example/?a=1&amp;b=2\">Shop</a></body></html>\r\n";

#[tokio::test]
async fn each_reply_leads_to_its_state() {
    let sink = Sink::start().await.unwrap();
    let zone = Zone::new().a("mx.b.example", "127.0.0.1").mx("b.example", 10, "mx.b.example").null_mx("null.example");
    let dns = zone.servfail("dark.example").start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    let to = [
        "ok-1@b.example",
        "ok-2@b.example",
        "twice@b.example",
        "permfail@b.example",
        "tempfail@b.example",
        "x@null.example",
        "x@none.example",
        "x@dark.example",
    ];
    assert_eq!(relay.submit("bounce@own.example", &to, MAIL).await.code, 250);
    let stats = relay.campaign_with("spring", "/delivered", 3).await;
    let stats = if stats["bounced"] == 3 { stats } else { relay.campaign_with("spring", "/bounced", 3).await };
    assert_eq!((stats["recipients"].as_i64(), stats["queued"].as_i64()), (Some(8), Some(2)));
    assert_eq!((stats["with_pixel"].as_i64(), stats["with_links"].as_i64()), (Some(3), Some(3)));

    let received = sink.received();
    assert_eq!(received.len(), 3);
    for copy in &received {
        let mail = Mail::read(&copy.bytes);
        assert!(mail.header("X-Postrider-Campaign").is_none() && mail.header("Received").is_some());
        let (link, pixel) = (mail.tracked_links().remove(0), mail.pixel().unwrap());
        let answer = relay.follow(&link).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some("https://shop.example/?a=1&b=2")));
        assert_eq!(relay.follow(&pixel).await.body.len(), 43);
    }
    let stats = relay.campaign_with("spring", "/clicked/human", 3).await;
    assert_eq!(stats["opened"]["human"], 3);
    assert_eq!(stats["rates"]["click"], 1.0);
    assert_eq!(stats["links"][0]["human"], 3);
    let refusals = stats["refusals"].as_array().unwrap();
    assert!(
        refusals.iter().any(|r| r["class"] == "invalid_recipient" && r["sample"].as_str().unwrap().contains("550")),
        "{stats}"
    );
    relay.finish().await;
}
