//! Names and filters with all that means something to a database: each is looked up as it stands, or refused as none.

use super::Browser;
use crate::harness::{Config, Request};

#[tokio::test]
async fn quotes_and_wildcards_are_letters() {
    let mut relay = Config::new().start().await;
    let name = "50% o'ff; \"_\" -- \\";
    let mail = |campaign: &str| format!("From: a@own.example\r\nX-Postrider-Campaign: {campaign}\r\n\r\nx\r\n");
    for campaign in [name, "plain"] {
        assert_eq!(relay.submit("a@own.example", &["b@b.example"], &mail(campaign)).await.code, 250);
    }
    relay.wait_idle().await;
    assert_eq!(relay.campaign(name).await["recipients"], 1);
    for other in ["%", "50%", "_____", "plai_", "' or '1'='1", "plain' --", "plain\"", "x'; drop table event; --", "\\"]
    {
        assert!(relay.campaign(other).await.is_null(), "{other}");
    }

    let login = relay.login().await;
    let browser = Browser::first(&relay).await;
    assert_eq!(browser.post("/suppressions", &[("address", "user5@c.example"), ("scope", "")]).await.status, 303);
    let found = async |start: &str| {
        let start: String = url::form_urlencoded::byte_serialize(start.as_bytes()).collect();
        let answer = browser.get(&format!("/suppressions?start={start}")).await;
        assert_eq!(answer.status, 200, "{start}");
        answer.text().matches("action=\"/suppressions/remove\"").count()
    };
    assert_eq!(found("user5").await, 1);
    for start in ["%", "_", "*", "user%", "user_", "'", "\"", "user5'--", "' or '1'='1", "\\", "user5\u{0}"] {
        assert_eq!(found(start).await, 0, "{start}");
    }
    let campaign = relay.campaign("plain").await["id"].as_str().unwrap().to_owned();
    let people = format!("/campaigns/{campaign}/people");
    addresses_are_looked_up_as_they_stand(&browser, &people).await;
    for evil in ["'", "\"", "%", "_", "1 or 1=1", "1' or '1'='1", "1; drop table event", "--", "\\", "\u{0}"] {
        let evil: String = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        for parameter in ["mode", "page"] {
            let path = format!("/api/v1/campaigns?{parameter}={evil}");
            let answer = relay.http(&Request::get(&path).basic(&login.username, &login.password)).await;
            assert_eq!(answer.status, 400, "{path}");
        }
        for path in [
            format!("/campaigns?sort={evil}"),
            format!("/campaigns?mode={evil}"),
            format!("/campaigns/{evil}"),
            format!("/messages?campaign={evil}"),
            format!("/messages?state={evil}"),
            format!("/messages?before={evil}"),
            format!("/messages?domain={evil}"),
            format!("/messages?to={evil}"),
            format!("/messages/{evil}"),
            format!("{people}?state={evil}"),
            format!("{people}?did={evil}&class={evil}&link={evil}&after={evil}"),
            format!("{people}?q={evil}"),
            format!("{people}.csv?q={evil}"),
            format!("/campaigns.csv?mode={evil}"),
            format!("/queue?site={evil}"),
            format!("/suppressions?reason={evil}"),
            format!("/suppressions?before={evil}"),
            format!("/queue/order?act=pause&kind=domain&value={evil}"),
            format!("/?range={evil}"),
            format!("/?from={evil}&to={evil}"),
            format!("/live?since={evil}"),
            format!("/campaigns?q={evil}&order={evil}"),
        ] {
            let answer = browser.get(&path).await;
            assert!(answer.status < 500, "{path}: {}", answer.status);
        }
    }
    assert!(relay.count("event") >= 4, "the ledger is still there");
    relay.finish().await;
}

async fn addresses_are_looked_up_as_they_stand(browser: &Browser<'_>, people: &str) {
    for (holds, found) in
        [("%", 0), ("_", 0), ("b@b", 1), ("b_b", 0), ("B@B.example", 1), ("' or '1'='1", 0), ("\\", 0)]
    {
        let holds: String = url::form_urlencoded::byte_serialize(holds.as_bytes()).collect();
        let page = browser.get(&format!("{people}?q={holds}")).await.text();
        assert_eq!(page.matches("href=\"/people/b%40b.example\"").count(), found, "{holds}");
    }
}
