//! One message to recipients that take it, refuse it and cannot be found: one notice, about the failures alone, that
//! another parser reads field by field; the campaign's counts do not know it.

use crate::harness::{Config, Sink, Zone, notice_to, wait_until};

const MAIL: &str = "From: News <news@own.example>\r\nTo: you@b.example\r\nSubject: Fr\u{fc}hling\r\n\
    X-Postrider-Campaign: spring\r\nMessage-ID: <1@own.example>\r\n\r\nHello\r\n";

#[tokio::test]
async fn a_refusal_is_told_field_by_field() {
    let sink = Sink::start().await.unwrap();
    let zone = Zone::new().a("mx.b.example", "127.0.0.1").mx("b.example", 10, "mx.b.example");
    let dns = zone
        // A host of its own: what is said of the message counts for all who share it, and one of b.example takes it.
        .a("mx.c.example", "127.0.0.1")
        .mx("c.example", 10, "mx.c.example")
        .mx("own.example", 10, "mx.b.example")
        .null_mx("null.example")
        .start()
        .await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    let to = ["permfail-1@b.example", "spam@c.example", "x@null.example", "ok@b.example"];
    assert_eq!(relay.submit("sender@own.example", &to, MAIL).await.code, 250);

    let notice = notice_to(&sink, "sender@own.example").await;
    assert_eq!(notice.header("from"), "MAILER-DAEMON <mailer-daemon@relay.postrider.example>");
    assert_eq!(notice.header("to"), "sender@own.example");
    assert_eq!(notice.header("auto-submitted"), "auto-replied");
    assert_eq!(notice.header("subject"), "Not delivered: your mail to 3 recipients");
    assert!(notice.header("message-id").ends_with("@relay.postrider.example>") && !notice.header("date").is_empty());
    assert_eq!(notice.message("Reporting-MTA"), "dns; relay.postrider.example");
    assert!(notice.message("Arrival-Date").ends_with("+0000"));
    assert_eq!(notice.recipients(), 3);
    for (recipient, status, remote, said) in [
        ("permfail-1@b.example", "5.1.1", "dns; mx.b.example", "smtp; 550 5.1.1 User unknown"),
        ("spam@c.example", "5.7.1", "dns; mx.c.example", "smtp; 554 5.7.1 Message looks like spam"),
        ("x@null.example", "5.1.10", "", "x-postrider; "),
    ] {
        assert_eq!(notice.recipient(recipient, "Action"), "failed");
        assert_eq!(notice.recipient(recipient, "Status"), status);
        assert_eq!(notice.recipient(recipient, "Remote-MTA"), remote);
        assert!(notice.recipient(recipient, "Diagnostic-Code").starts_with(said), "{recipient}");
        assert!(notice.recipient(recipient, "Last-Attempt-Date").ends_with("+0000"));
        assert_eq!(notice.recipient(recipient, "Will-Retry-Until"), "");
        assert!(notice.text().contains(&format!("<{recipient}>")), "{}", notice.text());
    }
    let text = notice.text();
    assert!(text.contains("Subject: Fr\u{fc}hling") && text.contains("Address does not exist."), "{text}");
    assert!(text.contains("mx.b.example said: 550 5.1.1 User unknown"), "{text}");
    // 8-bit octets cannot stand in a message/rfc822 that has to be 7-bit.
    let (kind, returned) = notice.returned();
    assert_eq!(kind, "text/rfc822-headers");
    assert!(returned.starts_with("Received: ") && returned.contains("Message-ID: <1@own.example>"), "{returned}");
    assert!(!returned.contains("Hello"), "{returned}");

    wait_until("the copy arrives", crate::harness::PATIENCE, async || !sink.received_by("ok@b.example").is_empty())
        .await;
    relay.wait_idle().await;
    let stats = relay.campaign_with("spring", "/bounced", 3).await;
    assert_eq!((stats["recipients"].as_i64(), stats["delivered"].as_i64()), (Some(4), Some(1)));
    let all = relay.api("/api/v1/campaigns").await;
    assert!(!all.to_string().contains("(none)"), "notices are in no campaign: {all}");
    assert_eq!(sink.received_by("sender@own.example").len(), 1);
    relay.finish().await;
}
