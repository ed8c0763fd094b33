//! A hundred `Received` fields are a long way, one more is a loop (RFC 5321 section 6.3).

use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_mail_that_loops_is_refused() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut client = relay.client().await;
    for (hops, to, code) in [(101, "ok-loop@b.example", 554), (100, "ok-way@b.example", 250)] {
        let received = "RECEIVED: from a.example by b.example;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n".repeat(hops);
        let mail = format!("{received}From: a@own.example\r\n\r\nReceived: in the body\r\n");
        let reply = client.send("a@own.example", &[to], mail).await;
        assert_eq!(reply.code, code, "{hops}: {reply:?}");
        assert_eq!(reply.text().contains("5.4.6"), code == 554, "{reply:?}");
    }
    client.quit().await;
    sink.wait_for(1).await.unwrap();
    assert!(sink.received_by("ok-loop@b.example").is_empty());
    relay.finish().await;
}
