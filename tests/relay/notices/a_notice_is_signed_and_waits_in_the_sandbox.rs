//! Notices are signed by the key of the relay's own domain; in the sandbox they are found in the inbox.

use crate::harness::{Config, Request, Sink, notice_to, python_text};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: c\r\n\r\nx\r\n";

#[tokio::test]
async fn a_notice_is_signed() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let records = relay.signing_domain("postrider.example").await;
    assert_eq!(relay.submit("a@own.example", &["permfail-1@b.example"], MAIL).await.code, 250);
    notice_to(&sink, "a@own.example").await;
    let path = relay.file("notice.eml", &sink.received()[0].bytes);
    let checked = python_text("verify_dkim.py", &[path.to_str().unwrap(), &records]).await;
    assert!(checked.contains("d=postrider.example") && checked.contains("pass"), "{checked}");
    relay.finish().await;
}

#[tokio::test]
async fn in_the_sandbox_it_is_in_the_inbox() {
    let mut relay = Config::new().start().await;
    let mut client = relay.client().await;
    client.send_asking("<a@own.example>", &["<ann@b.example> NOTIFY=SUCCESS"], MAIL).await;
    client.quit().await;
    let session = relay.signed_in().await;
    let inbox = async || relay.http(&Request::get("/inbox").header("Cookie", &session)).await.text();
    crate::harness::wait_until("the notice is in the inbox", crate::harness::PATIENCE, async || {
        inbox().await.contains("Delivered: your mail to ann@b.example")
    })
    .await;
    let page = inbox().await;
    assert!(page.contains("Action: delivered") && page.contains("MAILER-DAEMON"), "{page}");
    relay.finish().await;
}
