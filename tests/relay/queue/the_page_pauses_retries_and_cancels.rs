//! The forms of the queue's page: refused from another site, asked once more where something would be lost, then done.

use super::{submit, zone};
use crate::harness::{Config, Request, Sink};

#[tokio::test]
async fn the_page_pauses_retries_and_cancels() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]);
    let mut relay = config.start().await;
    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let welcome = text[text.find("/welcome/").unwrap()..].lines().next().unwrap().to_owned();
    let answer =
        relay.http(&Request::form(&welcome, &[("email", "ann@example.org"), ("password", "correct horse")])).await;
    let cookie = answer.cookies().join("; ");
    let to = ["tempfail-1@b.example", "tempfail-2@b.example", "greylist-3@c.example"];
    submit(&mut relay, "spring", &to).await;
    relay.campaign_with("spring", "/deferred", 3).await;

    let relay_page = async |path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };
    let post = async |act: &str, kind: &str, value: &str, site: &str| {
        let form = Request::form("/queue/order", &[("act", act), ("kind", kind), ("value", value)]);
        let answer = relay.http(&form.header("Cookie", &cookie).header("Sec-Fetch-Site", site)).await;
        (answer.status, answer.header("location").unwrap_or_default().to_owned())
    };
    let page = relay_page("/queue").await;
    for wanted in ["b.example", "451 4.7.1 Try again later", "Backing off", "expires in 2 d 23 h", "Pause everything"] {
        assert!(page.contains(wanted), "{wanted} is not on the page: {page}");
    }
    let list = relay_page("/messages?state=queued&domain=b.example").await;
    assert!(list.contains("tempfail-1@b.example") && !list.contains("greylist-3@c.example"), "{list}");

    // From another site, and without a login, nothing happens.
    assert_eq!(post("cancel", "all", "", "cross-site").await.0, 403);
    let form = [("act", "cancel"), ("kind", "all"), ("value", "")];
    assert_eq!(relay.http(&Request::form("/queue/order", &form)).await.header("location"), Some("/login"));
    assert_eq!(relay.campaign("spring").await["queued"], 3);

    // Paused, a retry changes nothing that can be seen outside; resumed, it does.
    let (status, place) = post("pause", "domain", "c.example", "same-origin").await;
    assert_eq!((status, place.as_str()), (303, "/queue?act=pause&changed=1"));
    assert!(relay_page(&place).await.contains("Paused by ann@example.org"));
    assert!(relay_page("/").await.contains("c.example is paused; 1 deliveries wait for it."));
    assert_eq!(post("retry", "domain", "c.example", "same-origin").await.1, "/queue?act=retry&changed=1");
    assert_eq!(post("resume", "domain", "c.example", "same-origin").await.1, "/queue?act=resume&changed=1");
    relay.campaign_with("spring", "/delivered", 1).await;

    // A destructive button leads to a page that says how many it touches.
    let campaign = list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(relay_page(&format!("/campaigns/{campaign}")).await.contains("act=cancel&amp;kind=campaign"));
    let asked = relay_page(&format!("/queue/order?act=cancel&kind=campaign&value={campaign}")).await;
    assert!(asked.contains("This touches 2 people") && asked.contains("spring"), "{asked}");
    assert_eq!(relay.campaign("spring").await["cancelled"], 0);
    let delivery = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(relay_page(&format!("/messages/{delivery}")).await.contains("Retry now"));
    let (status, place) = post("cancel", "delivery", &delivery, "same-origin").await;
    assert_eq!((status, place), (303, format!("/messages/{delivery}")));
    assert!(relay_page(&format!("/messages/{delivery}")).await.contains("cancelled"));
    assert_eq!(post("cancel", "campaign", &campaign, "same-origin").await.0, 303);
    let stats = relay.campaign_with("spring", "/cancelled", 2).await;
    assert_eq!((stats["queued"].as_i64(), stats["delivered"].as_i64()), (Some(0), Some(1)));
    assert!(relay_page("/queue").await.contains("Nothing waits"));
    relay.finish().await;
}
