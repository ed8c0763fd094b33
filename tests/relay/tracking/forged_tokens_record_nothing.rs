//! Forged, cut and foreign tokens: the pixel is an image all the same, a click leads nowhere, nothing is counted.

use crate::harness::{Config, Mail, Sink};

#[tokio::test]
async fn forged_tokens_record_nothing() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n";
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], mail).await.code, 250);
    let received = sink.wait_for(1).await.unwrap();
    let copy = Mail::read(&received[0].bytes);
    let (link, pixel) = (copy.tracked_links().remove(0), copy.pixel().unwrap());
    let flipped = |url: &str| {
        let at = url.len() - 8;
        let other = if &url[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &url[..at], &url[at + 1..])
    };
    for bad in
        [flipped(&link), link[..link.len() - 5].to_owned(), link.replace("/c/", "/c/x"), pixel.replace("/o/", "/c/")]
    {
        let answer = relay.follow(&bad).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{bad}");
    }
    for bad in [flipped(&pixel), link.replace("/c/", "/o/"), "https://track.postrider.example/o/".to_owned()] {
        let answer = relay.follow(&bad).await;
        assert_eq!((answer.status, answer.body.len()), (200, 43), "{bad}");
    }
    // The tracking host shows tracking alone.
    assert_eq!(relay.follow("https://track.postrider.example/login").await.status, 404);
    let stats = relay.campaign_with("c", "/delivered", 1).await;
    assert_eq!(
        (stats["opened"]["total_events"].as_i64(), stats["clicked"]["total_events"].as_i64()),
        (Some(0), Some(0))
    );
    // A mail program's stuck punctuation still leads home.
    assert_eq!(relay.follow(&format!("{link}).")).await.status, 302);
    relay.campaign_with("c", "/clicked/total_events", 1).await;
    relay.finish().await;
}
