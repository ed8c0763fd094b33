//! A good link, asked for with everything that a proxy or an attacker could add: its target stays, the answer is kept
//! nowhere and sets nothing. A link spelled otherwise is not known, and nothing is written down for it.

use crate::harness::{Config, Mail, Relay, Request, Response, Sink};

const TARGET: &str = "https://a.example/a%2Fb?x=1&url=https%3A%2F%2Fb.example#c";

fn assert_private(answer: &Response, what: &str) {
    assert!(answer.cookies().is_empty() && answer.header("set-cookie").is_none(), "{what}");
    let kept = answer.header("cache-control").unwrap_or_default();
    assert!(kept.contains("no-store") && kept.contains("private"), "{what}: {kept}");
    for name in ["etag", "last-modified", "expires"] {
        assert_eq!(answer.header(name), None, "{what}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
}

/// The link with whatever else a request may hold: how often it led home.
async fn click(relay: &Relay, path: &str) -> i64 {
    let mut clicks = 0;
    let host = ("Host", "track.postrider.example");
    let evil = "https://evil.example/";
    for (target, fields) in [
        (path.to_owned(), vec![host]),
        (format!("{path}?url={evil}&r={evil}&redirect=//evil.example"), vec![host]),
        (format!("{path}?{evil}"), vec![host]),
        (path.to_owned(), vec![("Host", "evil.example")]),
        (path.to_owned(), vec![("Host", "127.0.0.1")]),
        (
            path.to_owned(),
            vec![host, ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example;proto=http")],
        ),
        (path.to_owned(), vec![host, ("X-Forwarded-Proto", "javascript"), ("X-Original-URL", evil)]),
        (path.to_owned(), vec![host, ("X-Rewrite-URL", "/c/x"), ("Referer", evil), ("Origin", evil)]),
        (
            path.to_owned(),
            vec![host, ("Cookie", "postrider=x; url=https://evil.example"), ("Authorization", "Basic eDp4")],
        ),
        (format!("http://evil.example{path}"), vec![("Host", "evil.example")]),
        (format!("http://user@evil.example{path}"), vec![("Host", "evil.example")]),
    ] {
        let request = fields.iter().fold(Request::get(&target), |request, (name, value)| request.header(name, value));
        let answer = relay.http(&request).await;
        // What is no request at all goes nowhere.
        if answer.status == 400 {
            assert_eq!(answer.header("location"), None, "{target} {fields:?}");
            continue;
        }
        assert_eq!((answer.status, answer.header("location")), (302, Some(TARGET)), "{target} {fields:?}");
        assert_private(&answer, &target);
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{target}");
        assert_eq!(answer.header("x-robots-tag"), Some("noindex"), "{target}");
        clicks += 1;
    }
    assert!(clicks >= 10, "{clicks}");
    clicks
}

/// What is nearly the link.
async fn misspell(relay: &Relay, path: &str) {
    let token = path.strip_prefix("/c/").unwrap();
    for other in [
        format!("/c/%2F{token}"),
        format!("/c//{token}"),
        format!("/c/..%2Fc%2F{token}"),
        format!("/c/%2e%2e/c/{token}"),
        format!("/c/x@{token}"),
        format!("/c/{token}/https://evil.example/"),
        format!("/c/{token}%2Fhttps%3A%2F%2Fevil.example"),
        format!("/c/{token}%00"),
        format!("/c/{token}%0d%0aLocation:%20https://evil.example/"),
        format!("/c/%{:02x}{}", token.as_bytes()[0], &token[1..]),
        "/c/https://evil.example/".to_owned(),
        "/c//evil.example".to_owned(),
        "/c/".to_owned(),
    ] {
        let answer = relay.http(&Request::get(&other).header("Host", "track.postrider.example")).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{other}");
        assert!(!answer.text().contains("evil"), "{other}");
        assert_private(&answer, &other);
    }
}

#[tokio::test]
async fn nothing_in_a_request_changes_where_a_click_goes() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let page = format!("<a href=\"{}\">x</a>", TARGET.replace('&', "&amp;"));
    let mail = format!("From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n{page}\r\n");
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], &mail).await.code, 250);
    sink.wait_for(1).await.unwrap();
    let received = sink.received();
    let copy = Mail::read(&received[0].bytes);
    let (link, pixel) = (copy.tracked_links().remove(0), copy.pixel().unwrap());
    let path = link.strip_prefix("https://track.postrider.example").unwrap().to_owned();

    let clicks = click(&relay, &path).await;
    let opened = relay.follow(&pixel).await;
    assert_eq!((opened.status, opened.header("content-type")), (200, Some("image/gif")));
    assert_private(&opened, "the pixel");
    relay.campaign_with("c", "/clicked/total_events", clicks).await;
    relay.campaign_with("c", "/opened/total_events", 1).await;

    let written = relay.count("event");
    misspell(&relay, &path).await;
    assert_eq!(relay.count("event"), written, "nothing is written down for them");
    relay.finish().await;
}
