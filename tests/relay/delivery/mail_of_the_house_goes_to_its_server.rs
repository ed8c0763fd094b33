//! Domains with a route are handed to their host before anything is looked up, the nearest pattern first; the rest goes by
//! MX. Pages name the host.

use crate::harness::{Config, Request, Sink, Zone};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: mixed\r\n\
    X-Postrider-Track: none\r\n\r\nHello\r\n";

#[tokio::test]
async fn mail_of_the_house_goes_to_its_server() {
    let [mx, house, lab] = [Sink::start().await.unwrap(), Sink::start().await.unwrap(), Sink::start().await.unwrap()];
    // Were the house looked up, its mail would go to the exchanger.
    let mut zone = Zone::new().a("mx.b.example", "127.0.0.1");
    let domains = ["b.example", "house.example", "a.house.example", "lab.house.example", "c.lab.house.example"];
    for domain in domains {
        zone = zone.mx(domain, 10, "mx.b.example");
    }
    let dns = zone.start().await;
    let url = |sink: &Sink| format!("smtp://{}", sink.address());
    let config = Config::mx(dns.address(), mx.port())
        .set("tracking.unsubscribe", false)
        .set("delivery.retry", vec!["1h"])
        .route(&["house.example", "*.house.example"], &url(&house), "")
        .route(&["*.lab.house.example"], &url(&lab), "never");
    let mut relay = config.start().await;
    let to: Vec<_> = domains.iter().map(|domain| format!("ok@{domain}")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).chain(["tempfail@house.example"]).collect();
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    relay.campaign_with("mixed", "/delivered", 5).await;
    let taken = |sink: &Sink| {
        let mut taken: Vec<_> = sink.received().into_iter().flat_map(|mail| mail.rcpt_to).collect();
        taken.sort();
        taken
    };
    assert_eq!(taken(&mx), ["ok@b.example"]);
    assert_eq!(taken(&house), ["ok@a.house.example", "ok@house.example", "ok@lab.house.example"]);
    assert_eq!(taken(&lab), ["ok@c.lab.house.example"]);
    let asked = dns.asked();
    assert!(asked.iter().all(|(name, _)| !name.ends_with("house.example")), "{asked:?}");

    // Copies that are alike share a transaction over the domains of one route.
    let before = house.received().len();
    let mail = MAIL.replace("mixed", "again");
    assert_eq!(relay.submit("a@own.example", &["ok@house.example", "ok@a.house.example"], &mail).await.code, 250);
    relay.campaign_with("again", "/delivered", 2).await;
    assert_eq!(house.received().split_off(before).iter().map(|mail| mail.rcpt_to.len()).collect::<Vec<_>>(), [2]);

    let cookie = relay.sign_in().await;
    let page = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    let queue = page("/queue").await;
    assert!(queue.contains("house.example") && queue.contains("451 4.7.1 Try again later"), "{queue}");
    let list = page("/messages?state=queued").await;
    let message = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let story = page(&format!("/messages/{message}")).await;
    assert!(story.contains("try 1, 127.0.0.1, no TLS, "), "{story}");
    let opened = story.contains(&format!("connecting to 127.0.0.1 port {}", house.port()));
    assert!(opened || story.contains("over the connection to 127.0.0.1 that stood"), "{story}");
    relay.finish().await;
}

#[tokio::test]
async fn in_the_sandbox_nothing_leaves_by_a_route() {
    let house = Sink::start().await.unwrap();
    let config = Config::new().route(&["house.example"], &format!("smtp://{}", house.address()), "");
    let mut relay = config.start().await;
    assert_eq!(relay.submit("a@own.example", &["ok@house.example"], MAIL).await.code, 250);
    relay.campaign_with("mixed", "/delivered", 1).await;
    assert_eq!(house.tally().sessions, 0);
    let checked = relay.command_text(&["check-config"]).await;
    assert!(checked.contains("delivery.routes are unused in the sandbox"), "{checked}");
    relay.finish().await;
}
