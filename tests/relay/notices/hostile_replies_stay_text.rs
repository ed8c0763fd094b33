//! A server that answers with markup, control characters and a header field of its own.

use crate::harness::{Config, Sink, notice_to};

#[tokio::test]
async fn hostile_replies_stay_text() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nSubject: x\r\n\r\nx\r\n";
    assert_eq!(relay.submit("a@own.example", &["markup-1@b.example"], mail).await.code, 250);
    let notice = notice_to(&sink, "a@own.example").await;
    let said = notice.recipient("markup-1", "Diagnostic-Code");
    assert!(said.starts_with("smtp; 550 5.1.1 <script>alert(1)</script> Subject: mine [31m caf? gone"), "{said}");
    let text = notice.text();
    assert!(text.contains("<script>alert(1)</script> Subject: mine") && text.contains("caf\u{e9} gone"), "{text}");
    assert!(!text.contains(['\u{7}', '\u{1b}', '\u{202e}', '\t']), "{text}");
    assert_eq!(notice.header("subject"), "Not delivered: your mail to markup-1@b.example");
    relay.finish().await;
}
