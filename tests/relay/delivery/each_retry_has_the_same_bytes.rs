//! A receiver takes a mail and its 250 is lost: the mail comes again, byte for byte the same, signature, links and pixel
//! included, also when the relay was started anew meanwhile; so the receiver can tell that it has it already.

use crate::harness::{Config, PATIENCE, Sink, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: again\r\nMIME-Version: 1.0\r\n\
                    Content-Type: text/html\r\n\r\n<html><body><a href=\"https://shop.example/\">x</a></body></html>\r\n";

#[tokio::test]
async fn each_retry_has_the_same_bytes() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    relay.signing_domain("own.example").await;
    relay.restart().await;
    let to = ["lost-1@b.example", "lost-2@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    wait_until("they come once", PATIENCE, async || to.iter().all(|to| !sink.received_by(to).is_empty())).await;
    relay.restart().await;
    relay.campaign_with("again", "/delivered", 2).await;
    for to in to {
        let came = sink.received_by(to);
        assert!(came.len() >= 2 && !came[0].acknowledged, "{to} comes again");
        let first = came[0].text();
        assert!(first.contains("DKIM-Signature:") && first.contains("/c/") && first.contains("/o/"), "{first}");
        assert!(came.iter().all(|again| again.bytes == came[0].bytes), "{first}\n{}", came[1].text());
    }
    assert_ne!(sink.received_by(to[0])[0].bytes, sink.received_by(to[1])[0].bytes);
    relay.finish().await;
}
