//! Mail with a null reverse path is never told about; a notice that the sender's own server refuses is the end; and what
//! is turned off stays silent.

use crate::harness::{Config, PATIENCE, Sink, notice_to, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: loop\r\n\r\nx\r\n";

#[tokio::test]
async fn no_notice_leads_to_another() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    assert_eq!(relay.submit("", &["permfail-1@b.example"], MAIL).await.code, 250);
    assert_eq!(relay.submit("permfail-me@own.example", &["permfail-2@b.example"], MAIL).await.code, 250);
    relay.campaign_with("loop", "/bounced", 2).await;
    let tries = || sink.commands("RCPT TO:<permfail-me@own.example>").len();
    wait_until("the notice is tried", PATIENCE, async || tries() == 1).await;
    // What comes later shows that nothing of the earlier is still on its way.
    assert_eq!(relay.submit("b@own.example", &["permfail-3@b.example"], MAIL).await.code, 250);
    notice_to(&sink, "b@own.example").await;
    assert_eq!((tries(), sink.received().len()), (1, 1));
    assert!(sink.commands("MAIL FROM:<>").len() >= 3);
    let stats = relay.campaign_with("loop", "/bounced", 3).await;
    assert_eq!(stats["recipients"], 3);
    relay.finish().await;
}

#[tokio::test]
async fn a_relay_told_to_be_silent_tells_only_who_asks() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.bounce_messages", false).start().await;
    assert_eq!(relay.submit("silent@own.example", &["permfail-1@b.example"], MAIL).await.code, 250);
    relay.campaign_with("loop", "/bounced", 1).await;
    let mut client = relay.client().await;
    client.send_asking("<asks@own.example>", &["<permfail-2@b.example> NOTIFY=FAILURE"], MAIL).await;
    notice_to(&sink, "asks@own.example").await;
    assert_eq!(sink.received().len(), 1);
    client.quit().await;
    relay.finish().await;
}
