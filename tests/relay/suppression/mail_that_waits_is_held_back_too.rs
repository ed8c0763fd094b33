//! What was queued before its address came onto the list is not sent either, and its page says why.

use crate::harness::{Config, Request, Sink};

#[tokio::test]
async fn mail_that_waits_is_held_back_too() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nList-Id: News <News.Own.Example>\r\nX-Postrider-Campaign: c\r\n\r\nhello\r\n";
    assert_eq!(relay.submit("a@own.example", &["tempfail@b.example", "twice@b.example"], mail).await.code, 250);
    relay.campaign_with("c", "/deferred", 2).await;
    relay.command_text(&["suppression", "add", "Tempfail@b.example", "--scope", "news.own.example"]).await;
    let again = relay.command_text(&["suppression", "add", "tempfail@B.example", "--scope", "NEWS.own.example"]).await;
    assert!(again.contains("already"), "{again}");
    let stats = relay.campaign_with("c", "/suppressed", 1).await;
    let stats = if stats["delivered"] == 1 { stats } else { relay.campaign_with("c", "/delivered", 1).await };
    assert_eq!((stats["recipients"].as_i64(), stats["queued"].as_i64()), (Some(2), Some(0)));

    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let path = text[text.find("/welcome/").unwrap()..].lines().next().unwrap();
    let login = relay.http(&Request::form(path, &[("email", "ann@example.org"), ("password", "correct horse")])).await;
    let cookie = login.cookies().join("; ");
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    let list = get("/messages?state=suppressed").await;
    let page =
        get(&format!("/messages/{}", list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap())).await;
    assert!(
        page.contains("Suppressed, not sent") && page.contains("manual; holds back news.own.example; since "),
        "{page}"
    );
    assert!(page.contains("Deferred"), "{page}");
    relay.finish().await;
}
