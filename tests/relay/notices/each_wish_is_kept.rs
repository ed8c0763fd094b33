//! NOTIFY, RET, ENVID and ORCPT: who asks for nothing hears of failures, who asks is told just that, by servers that
//! report themselves or by the relay in their stead.

use crate::harness::{Client, Config, Notice, PATIENCE, Sink, SinkSettings, notice_to, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nMessage-ID: <7@own.example>\r\n\r\nthe body\r\n";

/// One message of this sender, with these parameters of MAIL and these RCPT lines.
async fn submit(client: &mut Client, sender: &str, parameters: &str, recipients: &[&str]) {
    client.send_asking(&format!("<{sender}@own.example>{parameters}"), recipients, MAIL).await;
}

#[tokio::test]
async fn the_relay_tells_what_was_asked() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut client = relay.client().await;
    submit(&mut client, "never", "", &["<permfail-1@b.example> NOTIFY=NEVER"]).await;
    submit(&mut client, "delay", "", &["<permfail-2@b.example> NOTIFY=DELAY,SUCCESS"]).await;
    submit(&mut client, "quiet", "", &["<ok-1@b.example>", "<ok-2@b.example> NOTIFY=FAILURE"]).await;
    let list = "<permfail-4@b.example> ORCPT=rfc822;list+2B1@a.example NOTIFY=FAILURE";
    submit(&mut client, "headers", " RET=HDRS ENVID=QQ+2B17", &[list]).await;
    submit(&mut client, "whole", " RET=FULL", &["<permfail-5@b.example>"]).await;
    submit(&mut client, "taken", " RET=FULL", &["<ok-6@b.example> NOTIFY=SUCCESS"]).await;
    submit(
        &mut client,
        "both",
        "",
        &["<ok-7@b.example> NOTIFY=SUCCESS,FAILURE", "<permfail-7@b.example> NOTIFY=FAILURE"],
    )
    .await;

    let headers = notice_to(&sink, "headers@own.example").await;
    assert_eq!(headers.message("Original-Envelope-Id"), "QQ+17");
    assert_eq!(headers.recipient("permfail-4", "Original-Recipient"), "rfc822; list+1@a.example");
    let (kind, text) = headers.returned();
    assert_eq!(
        (kind.as_str(), text.contains("<7@own.example>"), text.contains("the body")),
        ("text/rfc822-headers", true, false)
    );
    let whole = notice_to(&sink, "whole@own.example").await;
    let (kind, text) = whole.returned();
    assert_eq!((kind.as_str(), text.contains("the body")), ("message/rfc822", true));
    assert_eq!(whole.header("subject"), "Not delivered: your mail to permfail-5@b.example");

    let taken = notice_to(&sink, "taken@own.example").await;
    assert_eq!(
        (taken.recipient("ok-6", "Action"), taken.recipient("ok-6", "Status")),
        ("relayed".into(), "2.0.0".into())
    );
    assert_eq!(taken.returned().0, "text/rfc822-headers", "RET is about failures");
    wait_until("both kinds are told", PATIENCE * 4, async || sink.received_by("both@own.example").len() == 2).await;
    for mail in sink.received_by("both@own.example") {
        assert_eq!(Notice::read(&mail).await.recipients(), 1);
    }
    relay.wait_idle().await;
    for silent in ["never", "delay", "quiet"] {
        assert!(sink.received_by(&format!("{silent}@own.example")).is_empty(), "{silent} hears nothing");
    }
    assert!(!sink.commands("MAIL").iter().any(|line| line.text.contains("RET=") || line.text.contains("ENVID=")));
    assert!(!sink.commands("RCPT").iter().any(|line| line.text.contains("NOTIFY") || line.text.contains("ORCPT")));
    client.quit().await;
    relay.finish().await;
}

#[tokio::test]
async fn what_is_not_sent_is_told_to_who_asked() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    relay.command_text(&["suppression", "add", "ok-listed@b.example"]).await;
    relay.command_text(&["queue", "pause", "--domain", "c.example"]).await;
    let mut client = relay.client().await;
    submit(&mut client, "asked", "", &["<ok-listed@b.example> NOTIFY=FAILURE"]).await;
    submit(&mut client, "silent", "", &["<ok-listed@b.example>", "<ok-8@c.example>"]).await;
    submit(&mut client, "cancelled", "", &["<ok-9@c.example> NOTIFY=FAILURE,DELAY"]).await;
    let asked = notice_to(&sink, "asked@own.example").await;
    assert_eq!(
        (asked.recipient("ok-listed", "Action"), asked.recipient("ok-listed", "Status")),
        ("failed".into(), "5.7.1".into())
    );
    relay.command_text(&["queue", "cancel", "--domain", "c.example"]).await;
    let cancelled = notice_to(&sink, "cancelled@own.example").await;
    assert_eq!(cancelled.recipient("ok-9", "Status"), "5.3.0");
    assert!(sink.received_by("silent@own.example").is_empty());
    client.quit().await;
    relay.finish().await;
}

#[tokio::test]
async fn a_server_that_reports_itself_is_asked_to() {
    let sink = Sink::with(SinkSettings { dsn: true, ..SinkSettings::default() }).await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut client = relay.client().await;
    assert!(client.say("EHLO client.example").await.offers("DSN"));
    let list = "<ok-1@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;list+2B1@a.example";
    submit(&mut client, "a", " RET=HDRS ENVID=QQ+2B17", &[list, "<ok-2@b.example> NOTIFY=NEVER", "<ok-3@b.example>"])
        .await;
    submit(&mut client, "b", "", &["<permfail-1@b.example> NOTIFY=FAILURE"]).await;
    notice_to(&sink, "b@own.example").await;
    wait_until("all are delivered", PATIENCE, async || sink.tally().recipients == 4).await;
    let said = |verb: &str, about: &str| {
        let lines = sink.commands(verb);
        let line = lines.iter().find(|line| line.text.contains(about)).unwrap_or_else(|| panic!("no {verb} {about}"));
        line.text.clone()
    };
    let mail = said("MAIL", "<a@own.example>");
    assert!(mail.contains(" RET=HDRS") && mail.contains(" ENVID=QQ+2B17"), "{mail}");
    let expected = "RCPT TO:<ok-1@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;list+2B1@a.example";
    assert_eq!(said("RCPT", "ok-1@"), expected);
    assert_eq!(said("RCPT", "ok-2@"), "RCPT TO:<ok-2@b.example> NOTIFY=NEVER");
    assert_eq!(said("RCPT", "ok-3@"), "RCPT TO:<ok-3@b.example>");
    assert_eq!(said("RCPT", "<b@own"), "RCPT TO:<b@own.example>");
    assert!(sink.received_by("a@own.example").is_empty(), "its success is the next server's to report");
    client.quit().await;
    relay.finish().await;
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let mut relay = Config::new().start().await;
    let mut client = relay.client().await;
    for wrong in ["RET=SOME", "RET=FULL RET=FULL", "ENVID=", "ENVID=a=b", &format!("ENVID={}", "x".repeat(101))] {
        let reply = client.expect(&format!("MAIL FROM:<a@own.example> {wrong}"), 501).await;
        assert!(reply.text().contains("5.5.4"), "{wrong}: {}", reply.text());
    }
    client.expect("MAIL FROM:<a@own.example> RET=FULL ENVID=x", 250).await;
    for wrong in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "NOTIFY=SOON", "ORCPT=nobody", "ORCPT=rfc822;a+0Ab"] {
        let reply = client.expect(&format!("RCPT TO:<b@b.example> {wrong}"), 501).await;
        assert!(reply.text().contains("5.5.4"), "{wrong}: {}", reply.text());
    }
    client.quit().await;
    relay.finish().await;
}
