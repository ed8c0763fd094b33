//! A mail's source, as it came beside as it leaves: each changed line is there, what is unchanged is folded, and both are
//! files to keep. A large mail takes no long page.

use crate::harness::{Config, PATIENCE, Request, Sink, wait_until};

fn mail(subject: &str, lines: usize) -> String {
    let filler = "<p>A line that stays.</p>\r\n".repeat(lines);
    format!(
        "From: a@own.example\r\nSubject: {subject}\r\nX-Postrider-Campaign: spring\r\nContent-Type: text/html\r\n\r\n\
         <p>one</p>\r\n{filler}<a href=\"https://shop.example/?a=1\">shop</a>\r\n{filler}"
    )
}

#[tokio::test]
async fn the_source_shows_what_was_changed() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let cookie = relay.sign_in().await;
    let (small, large) = (mail("small", 20), mail("large", 40_000));
    for (to, mail) in [("ok-1@b.example", &small), ("ok-2@b.example", &large)] {
        assert_eq!(relay.submit("a@own.example", &[to], mail).await.code, 250);
    }
    relay.wait_idle().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await;
    let list = get("/messages").await.text();
    // Newest first.
    let ids: Vec<_> = list.split("\"/messages/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let (newest, id) = (ids[0], *ids.last().unwrap());
    let path = format!("/messages/{id}/source");
    assert!(get(&format!("/messages/{id}")).await.text().contains(&format!("href=\"{path}\"")));

    let page = get(&path).await.text();
    let listing = page.split("<ol class=\"src diff\">").nth(1).unwrap().split("</ol>").next().unwrap();
    let rows: Vec<_> = listing.split("<li").skip(1).collect();
    let row = |text: &str| *rows.iter().find(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}: {listing}"));
    for (text, start) in [
        ("X-Postrider-Campaign: spring", "<del>"),
        ("Received: ", "<ins>"),
        ("href=&#34;https://shop.example", "<del>"),
        ("/c/", "<ins>"),
        ("Subject: small", "&nbsp;"),
        ("lines unchanged", " class=\"fold\""),
    ] {
        assert!(row(text).trim_start_matches('>').starts_with(start), "{}", row(text));
    }
    assert!(rows.len() < 40 && !listing.contains("<a "), "{listing}");

    let came = get(&format!("{path}/came.eml")).await;
    let leaves = get(&format!("{path}/leaves.eml")).await;
    assert_eq!(came.body, small.as_bytes());
    assert_eq!(leaves.body, sink.received_by("ok-1@b.example")[0].bytes);
    for answer in [&came, &leaves] {
        assert_eq!(answer.header("content-type"), Some("message/rfc822"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment; filename=\""));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for kind in ["", "/came.eml", "/leaves.eml"] {
        let outside = relay.http(&Request::get(&format!("{path}{kind}"))).await;
        assert_eq!((outside.status, outside.header("location")), (303, Some("/login")), "{kind}");
        assert_eq!(get(&format!("/messages/1/source{kind}")).await.status, 404, "{kind}");
    }

    let page = get(&format!("/messages/{newest}/source")).await.text();
    assert!(page.contains("lines unchanged") && page.contains("/c/") && page.len() < 100_000, "{} octets", page.len());
    relay.finish().await;
}

#[tokio::test]
async fn a_mail_that_is_kept_no_longer_says_so() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("retention.bodies", "1s").start().await;
    let cookie = relay.sign_in().await;
    // The latest of a campaign is kept: the click map is drawn over it.
    for (to, subject) in [("ok-1@b.example", "former"), ("ok-2@b.example", "latest")] {
        assert_eq!(relay.submit("a@own.example", &[to], &mail(subject, 1)).await.code, 250);
    }
    relay.campaign_with("spring", "/delivered", 2).await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await;
    let list = get("/messages").await.text();
    let ids: Vec<_> = list.split("\"/messages/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let (latest, former) = (ids[0], *ids.last().unwrap());
    wait_until("the former goes", PATIENCE, async || {
        get(&format!("/messages/{former}/source")).await.text().contains("kept no longer (retention.bodies)")
    })
    .await;
    let page = get(&format!("/messages/{former}")).await;
    assert!(page.status == 200 && page.text().contains("kept no longer"), "{}", page.text());
    for kind in ["came.eml", "leaves.eml"] {
        assert_eq!(get(&format!("/messages/{former}/source/{kind}")).await.status, 404);
        assert_eq!(get(&format!("/messages/{latest}/source/{kind}")).await.status, 200);
    }
    // What was done to it stays known.
    assert!(page.text().contains("octets for links") && page.text().contains("https://shop.example/?a=1"));
    relay.finish().await;
}
