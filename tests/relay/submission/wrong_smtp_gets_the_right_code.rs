//! What a client may not do, and what it hears.

use crate::harness::{Client, Config};

#[tokio::test]
async fn wrong_smtp_gets_the_right_code() {
    let mut relay = Config::new().set("submission.max_message_bytes", 10_000).start().await;
    let login = relay.login().await;
    let mut client = Client::greeted(relay.submission()).await;
    for (line, code, enhanced) in [
        ("MAIL FROM:<a@b.example>", 530, "5.7.0"),
        ("RCPT TO:<a@b.example>", 503, "5.5.1"),
        ("NONSENSE", 500, "5.5."),
        ("AUTH PLAIN AGEAYg==", 535, "5.7.8"),
    ] {
        let reply = client.say(line).await;
        assert_eq!(reply.code, code, "{line}: {}", reply.text());
        assert!(reply.text().contains(enhanced), "{line}: {}", reply.text());
    }
    client.quit().await;

    let mut client = Client::logged_in(relay.submission(), &login).await;
    for (line, code) in [
        ("MAIL FROM:<a@b.example> SIZE=999999", 552),
        ("MAIL FROM:a@b.example", 501),
        ("RCPT TO:<a@b.example>", 503),
        ("DATA", 503),
        ("MAIL FROM:<a@b.example>", 250),
        ("DATA", 554),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<no domain>", 553),
        ("RCPT TO:<c@d.example>", 250),
        ("DATA", 354),
    ] {
        let reply = client.say(line).await;
        assert_eq!(reply.code, code, "{line}: {}", reply.text());
    }
    client.write(b"Subject: x\r\n\r\nbare\rreturn\r\n.\r\n").await;
    let reply = client.reply().await;
    assert!((500..600).contains(&reply.code), "{}", reply.text());
    assert_eq!(client.send("a@b.example", &["c@d.example"], &"x".repeat(20_000)).await.code, 552);
    assert_eq!(client.send("a@b.example", &["c@d.example"], "Subject: x\r\n\r\nx\r\n").await.code, 250);
    // RFC 5321 section 4.5.3.1.4 wants 512 octets; four times that are taken.
    for (octets, code) in [(512, 250), (2_048, 250), (2_049, 500), (50_000, 500), (7, 250)] {
        let line = format!("NOOP {}", "x".repeat(octets - 7));
        assert_eq!(client.say(&line).await.code, code, "{octets}");
    }
    client.quit().await;
    relay.finish().await;
}
