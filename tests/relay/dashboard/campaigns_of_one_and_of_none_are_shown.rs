//! A campaign of one recipient, and one of which nothing is delivered, have pages without a rate that nobody can know.

use crate::harness::{Config, Request, Sink, Zone};

#[tokio::test]
async fn campaigns_of_one_and_of_none_are_shown() {
    let sink = Sink::start().await.unwrap();
    let dns = Zone::new().a("mx.b.example", "127.0.0.1").mx("b.example", 10, "mx.b.example").start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]).start().await;
    let cookie = relay.signed_in().await;
    let get = async |relay: &crate::harness::Relay, path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    for (campaign, to) in [("none", "tempfail-ann@b.example"), ("one", "ok-bob@b.example")] {
        let mail = format!("From: a@own.example\r\nX-Postrider-Campaign: {campaign}\r\n\r\nhi\r\n");
        assert_eq!(relay.submit("a@own.example", &[to], &mail).await.code, 250);
    }
    relay.wait_idle().await;
    let list = get(&relay, "/campaigns").await;
    let mut paths: Vec<_> =
        list.split("href=\"/campaigns/").skip(1).map(|link| link.split('"').next().unwrap()).collect();
    paths.dedup();
    let mut pages = Vec::new();
    for path in paths {
        for curve in ["", "?curve=hour"] {
            pages.push(get(&relay, &format!("/campaigns/{path}{curve}")).await);
        }
    }
    let of = |name: &str| pages.iter().find(|page| page.contains(&format!("<h1><bdi>{name}</bdi>"))).unwrap();
    let values = |page: &str| -> Vec<String> {
        page.split("<dd class=\"n\">").skip(1).map(|value| value.split('<').next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(of("one")), ["100%", "not tracked", "not tracked", "0%", "0%"]);
    // One waits: what is delivered of it is 0 of 1; of nothing delivered nothing can be opened.
    assert_eq!(values(of("none")), ["0%", "\u{2013}", "\u{2013}", "0%", "\u{2013}"]);
    assert!(of("none").contains("The curves begin with the first delivery."));
    assert!(of("one").contains("class=\"ln l-human\"") && !of("one").contains("NaN"));
    assert!(of("one").contains("1 of 1 mails left without a pixel: 100.0%."));
    relay.finish_with_queue().await;
}
