//! Where too many of a campaign's first deliveries at a site are refused, the rest waits there, over a `kill -9` too, and
//! is a finding; other sites, small campaigns, mail of none and mail between two go on. A person lets it go, on the page
//! or by a command.

use super::{mail, submit, taken, zone};
use crate::harness::{Client, Config, PATIENCE, Request, Sink, wait_until};

/// Ten that go first, `refused` of them for good, and then thirty.
fn forty(refused: usize, domain: &str, mark: &str) -> Vec<String> {
    let word = |n: usize| if n < refused { "permfail" } else { "ok" };
    (0..40).map(|n| format!("{}-{mark}-{n}@{domain}", word(n))).collect()
}

fn check_finding(overview: &str) {
    assert!(overview.contains("The rest of spring is held at mx.b.example: 32 deliveries wait."), "{overview}");
    assert!(overview.contains("3 of its first 10 there were refused (30.0 %)"), "{overview}");
}

/// Of each domain and site on the queue's page.
fn states(page: &str) -> Vec<&str> {
    let cells = page.split("data-l=\"State\"").skip(1).map(|rest| rest.split("</span>").next().unwrap());
    cells.map(|cell| cell.rsplit('>').next().unwrap()).collect()
}

#[tokio::test]
async fn the_rest_of_a_campaign_is_held_until_it_is_let_go() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().a("mx.d.example", "127.0.0.1").mx("d.example", 10, "mx.d.example").start().await;
    let config = Config::mx(dns.address(), sink.port())
        .set("delivery.canary.first", 10)
        .set("delivery.canary.refused", 0.2)
        .set("delivery.connections_per_site", 3);
    let mut relay = config.start().await;
    let cookie = relay.sign_in().await;
    let bills = relay.credential("bills", &["--profile", "transactional"]).await;
    relay.credential("news", &[]).await;
    for (campaign, domain) in [("spring", "b.example"), ("spring", "d.example"), ("autumn", "b.example")] {
        let all = forty(if domain == "d.example" { 0 } else { 3 }, domain, campaign);
        submit(&mut relay, campaign, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let stats = relay.campaign_with("spring", "/delivered", 7 + 40).await;
    assert_eq!((stats["bounced"].as_i64(), stats["queued"].as_i64()), (Some(3), Some(30)));
    relay.campaign_with("autumn", "/delivered", 7).await;
    wait_until("both rests are held", PATIENCE, async || {
        let list = relay.command_text(&["queue"]).await;
        list.matches("at mx.b.example, 30 waiting").count() == 2
    })
    .await;

    relay.kill().await;
    relay.restart().await;
    submit(&mut relay, "spring", &["ok-late@b.example", "ok-late@c.example"]).await;
    // What has no part in it goes on; these leave after the others were looked at.
    submit(&mut relay, "small", &["ok-small-1@b.example", "ok-small-2@b.example"]).await;
    let none = mail("x").replace("X-Postrider-Campaign: x\r\n", "");
    let many: Vec<_> = (0..30).map(|n| format!("ok-none-{n}@b.example")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("a@own.example", &many, &none).await.code, 250);
    let mut client = Client::logged_in(relay.submission(), &bills).await;
    assert_eq!(client.send("a@own.example", &["ok-bill@b.example"], &mail("spring")).await.code, 250);
    client.quit().await;
    relay.campaign_with("small", "/delivered", 2).await;
    relay.campaign_with("(none)", "/delivered", 30).await;
    let stats = relay.campaign_with("spring", "/delivered", 48).await;
    assert_eq!(stats["queued"], 32, "{stats}");
    assert_eq!(
        (stats["held"][0]["site"].as_str(), stats["held"][0]["tried"].as_i64()),
        (Some("mx.b.example"), Some(10))
    );
    assert_eq!((taken(&sink, "b.example"), taken(&sink, "c.example")), (14 + 2 + 30 + 1, 0));

    let page = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    check_finding(&page("/").await);
    let queue = page("/queue").await;
    assert_eq!(states(&queue)[..2], ["Held after the first"; 2], "{queue}");
    let ask = queue.split("href=\"").find(|link| link.starts_with("/queue/order?act=release")).unwrap();
    let ask = ask.split('"').next().unwrap().replace("&amp;", "&");
    assert!(queue.contains("Held after the first") && page(&ask).await.contains("Send the rest anyway"), "{queue}");
    let list = page("/messages?state=queued").await;
    let ids = list.split("\"/campaigns/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut spring = None;
    for id in ids {
        let text = page(&format!("/campaigns/{id}")).await;
        assert!(text.contains("The rest is held at <bdi>mx.b.example</bdi>"), "{text}");
        if text.contains("<h1><bdi>spring</bdi></h1>") {
            spring = Some(id);
        }
    }
    let form = Request::form("/queue/order", &[("act", "release"), ("kind", "campaign"), ("value", spring.unwrap())]);
    let answer = relay.http(&form.header("Cookie", &cookie).header("Sec-Fetch-Site", "same-origin")).await;
    assert_eq!(answer.status, 303);
    relay.campaign_with("spring", "/delivered", 7 + 40 + 1 + 32).await;
    assert_eq!(relay.campaign("autumn").await["queued"], 30);
    let said = relay.command_text(&["queue", "release", "--campaign", "autumn"]).await;
    assert!(said.contains("goes out now, at 1 sites"), "{said}");
    relay.campaign_with("autumn", "/delivered", 37).await;
    assert!(!page("/queue").await.contains("Held after the first"));
    relay.finish().await;
}
