//! Mail that is tried until its life is over, and mail whose sender asked to be told of a delay.

use std::time::Duration;

use crate::harness::{Config, PATIENCE, Sink, notice_to, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: late\r\n\r\nx\r\n";

#[tokio::test]
async fn an_expired_mail_is_told_with_the_last_reply() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.expire", "3s").start().await;
    assert_eq!(relay.submit("a@own.example", &["tempfail-1@b.example"], MAIL).await.code, 250);
    let notice = notice_to(&sink, "a@own.example").await;
    assert_eq!(notice.recipient("tempfail-1", "Action"), "failed");
    assert_eq!(notice.recipient("tempfail-1", "Status"), "4.7.1");
    assert!(notice.recipient("tempfail-1", "Diagnostic-Code").contains("451 4.7.1 Try again later"));
    assert!(notice.text().contains("Given up after "), "{}", notice.text());
    relay.campaign_with("late", "/expired", 1).await;
    relay.finish().await;
}

#[tokio::test]
async fn a_delay_is_told_once_to_who_asked() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut client = relay.client().await;
    client
        .send_asking("<a@own.example>", &["<tempfail-1@b.example> NOTIFY=DELAY", "<tempfail-2@b.example>"], MAIL)
        .await;
    client.quit().await;
    relay.campaign_with("late", "/deferred", 2).await;
    assert!(sink.received().is_empty());
    // The same mail, six hours later.
    relay.stop().await;
    let six_hours = Duration::from_hours(6).as_millis();
    relay.sql(&format!(
        "update queue_delivery set accepted_at = accepted_at - {six_hours}, expires_at = expires_at - {six_hours}"
    ));
    relay.restart().await;
    let told = || sink.commands("RCPT TO:<tempfail-1@").len();
    let before = told();
    wait_until("it is tried again", PATIENCE, async || told() > before + 2).await;
    relay.stop().await;
    relay.sql("update notice_due set due_at = 0");
    relay.restart().await;
    let notice = notice_to(&sink, "a@own.example").await;
    assert_eq!((notice.recipients(), notice.recipient("tempfail-1", "Action")), (1, "delayed".to_owned()));
    assert!(notice.recipient("tempfail-1", "Will-Retry-Until").ends_with("+0000"));
    assert!(notice.text().contains("still tried"), "{}", notice.text());
    let before = told();
    wait_until("it is tried again", PATIENCE, async || told() > before + 2).await;
    assert_eq!(sink.received().len(), 1);
    relay.finish_with_queue().await;
}
