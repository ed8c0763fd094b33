//! A person's page: all mail to one address, whatever its spelling, page by page, with state, reply and who opened it; what
//! holds mail back, and the forms to change that; nothing for an address that nobody ever mailed.

use crate::harness::{Config, Mail, Request, Sink};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test]
async fn a_persons_page_shows_all_mail_to_them() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = |n: usize| {
        format!(
            "From: a@own.example\r\nX-Postrider-Campaign: c\r\nSubject: Letter {n}.\r\nContent-Type: text/html\r\n\r\n<p><a href=\"https://a.example/\">x</a></p>\r\n"
        )
    };
    // A plus is a plus, and a slash no end of a path.
    let (ann, other) = ("ok-ann+a/b@b.example", "ok-other@b.example");
    for n in 1..=52 {
        let spelt = if n == 1 { "OK-Ann+A/B@B.example" } else { ann };
        assert_eq!(relay.submit("a@own.example", &[spelt, other], &mail(n)).await.code, 250);
    }
    assert_eq!(relay.submit("a@own.example", &["permfail-bob@b.example"], &mail(99)).await.code, 250);
    relay.campaign_with("c", "/delivered", 104).await;
    relay.campaign_with("c", "/bounced", 1).await;
    let received = sink.received_by(ann);
    let last = received.iter().find(|copy| copy.text().contains("Letter 52.")).unwrap();
    relay.follow_as(&Mail::read(&last.bytes).tracked_links()[0], BROWSER).await;
    relay.campaign_with("c", "/clicked/human", 1).await;

    let cookie = relay.signed_in().await;
    let send = async |request: Request| relay.http(&request.header("Cookie", &cookie)).await;
    let list = send(Request::get("/messages")).await.text();
    let place = "/people/ok-ann%2Ba%2Fb%40b.example";
    assert!(list.contains(&format!("href=\"{place}\"")), "{list}");
    let first = send(Request::get(place)).await.text();
    assert_eq!((first.matches("href=\"/messages/").count(), first.contains("Letter 3.")), (50, true), "{first}");
    let newest = first.split("<tr role=\"row\">").nth(2).unwrap();
    for shown in ["Letter 52.", "b delivered", "b human", "250 2.0.0", "/campaigns/"] {
        assert!(newest.contains(shown), "{shown}: {newest}");
    }
    let next = first.split(&format!("href=\"{place}?before=")).nth(1).unwrap().split('"').next().unwrap();
    let second = send(Request::get(&format!("{place}?before={next}"))).await.text();
    assert_eq!(second.matches("href=\"/messages/").count(), 2, "{second}");
    assert!(second.contains("Letter 1.") && !second.contains("?before="), "{second}");
    let message = first.split("\"/messages/").nth(2).unwrap().split('"').next().unwrap();
    let message = send(Request::get(&format!("/messages/{message}"))).await.text();
    assert!(message.contains(&format!("href=\"{place}\"")) && message.contains("SMTP transcript"), "{message}");

    let bob = "/people/permfail-bob%40b.example";
    let page = send(Request::get(bob)).await.text();
    assert!(page.contains("bounce: no mail at all") && page.contains("550 5.1.1"), "{page}");
    let form = [("from", "person"), ("address", "permfail-bob@b.example"), ("scope", "")];
    let removed = send(Request::form("/suppressions/remove", &form)).await;
    assert_eq!((removed.status, removed.header("location")), (303, Some(&*format!("{bob}?done=removed"))));
    let page = send(Request::get(&format!("{bob}?done=removed"))).await.text();
    assert!(page.contains("off the list") && page.contains("mailed like any other"), "{page}");
    let form = [("from", "person"), ("address", "permfail-bob@b.example"), ("scope", "news.example")];
    let added = send(Request::form("/suppressions", &form)).await;
    assert_eq!(added.header("location"), Some(&*format!("{bob}?done=added")));
    assert!(send(Request::get(bob)).await.text().contains("manual: nothing of <bdi>news.example</bdi>"));

    for nobody in ["eve%40b.example", "no-address", "%00", "%ff@b.example"] {
        let answer = send(Request::get(&format!("/people/{nobody}"))).await;
        assert_eq!(answer.status, 404, "{nobody}");
        assert!(answer.text().contains("Never mailed") || nobody.starts_with("%ff"), "{}", answer.text());
    }
    relay.finish().await;
}
