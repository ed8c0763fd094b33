//! The queue's page pauses a receiving site, shows it so, and lets it go; what passed its life meanwhile gets one last try.

use super::{submit, taken, zone};
use crate::harness::{Config, PATIENCE, Request, Sink, wait_until};

#[tokio::test]
async fn the_page_holds_a_site() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).set("delivery.expire", "1s").start().await;
    let cookie = relay.sign_in().await;
    let mut client = relay.client().await;
    submit(&mut relay, "spring", &["ok-1@b.example"]).await;
    relay.campaign_with("spring", "/delivered", 1).await;
    let relay_page = async |path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };
    let post = async |act: &str, site: &str| {
        let form = Request::form("/queue/order", &[("act", act), ("kind", "site"), ("value", site)]);
        let answer = relay.http(&form.header("Cookie", &cookie).header("Sec-Fetch-Site", "same-origin")).await;
        answer.header("location").unwrap_or_default().to_owned()
    };
    assert_eq!(post("pause", "mx.b.example").await, "/queue?act=pause&changed=1");
    assert_eq!(post("cancel", "mx.b.example").await, "");
    let mail = super::mail("spring");
    assert_eq!(client.send("a@own.example", &["ok-2@b.example", "ok-2@c.example"], &mail).await.code, 250);
    wait_until("both are past their lives, at a site that is known", PATIENCE, async || {
        let page = relay_page("/queue?still=1").await;
        page.matches("has one last try").count() == 3 && page.matches("Site paused by ann@example.org").count() == 2
    })
    .await;
    let page = relay_page("/queue?site=mx.b.example").await;
    for wanted in ["Site <bdi>mx.b.example</bdi>", "at <bdi>mx.b.example</bdi>", "2 domains", ">Paused by ann@"] {
        assert!(page.contains(wanted), "{wanted} is not on the page: {page}");
    }
    assert!(relay_page("/").await.contains("mx.b.example is paused; 2 deliveries wait for it."));
    assert_eq!((taken(&sink, "b.example"), taken(&sink, "c.example")), (1, 0));
    assert_eq!(post("resume", "mx.b.example").await, "/queue?act=resume&changed=1");
    relay.campaign_with("spring", "/delivered", 3).await;
    drop(client);
    relay.finish().await;
}
