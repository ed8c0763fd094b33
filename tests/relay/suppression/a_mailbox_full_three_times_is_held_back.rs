//! A mailbox that is full holds nobody back twice; the third refusal within a week does, be it at once or at the end of a
//! mail's life. Off the list the count begins anew.

use super::mail;
use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_mailbox_full_three_times_is_held_back() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.expire", "1s").start().await;
    let to = ["overquota-ann@b.example", "full-bob@b.example", "ok@b.example"];
    for n in 1..=3 {
        let list = relay.command_text(&["suppression", "list"]).await;
        assert_eq!(list.lines().count(), 0, "{list}");
        let from = format!("n{n}@own.example");
        assert_eq!(relay.submit(&from, &to, &mail(&from, "")).await.code, 250);
        relay.campaign_with(&from, "/bounced", 1).await;
        relay.campaign_with(&from, "/expired", 1).await;
    }
    let list = relay.command_text(&["suppression", "list"]).await;
    assert!(list.contains("overquota-ann@b.example\tmailbox_full\tall mail\t2"), "{list}");
    assert!(list.contains("full-bob@b.example\tmailbox_full") && list.lines().count() == 2, "{list}");

    // Held back, and counted as nothing else.
    assert_eq!(relay.submit("n4@own.example", &to, &mail("n4@own.example", "")).await.code, 250);
    let stats = relay.campaign_with("n4@own.example", "/suppressed", 2).await;
    assert_eq!((stats["bounced"].as_i64(), stats["expired"].as_i64()), (Some(0), Some(0)), "{stats}");
    let exported = relay.command_text(&["export"]).await;
    let reasons = exported.lines().filter(|line| line.contains("suppression_added") && line.contains("mailbox_full"));
    assert_eq!(reasons.count(), 2, "{exported}");

    // The list goes out and comes in with its reasons.
    let csv = relay.command_text(&["suppression", "export"]).await;
    relay.command_text(&["suppression", "remove", "full-bob@b.example"]).await;
    relay.command_text(&["suppression", "remove", "overquota-ann@b.example"]).await;
    let file = relay.file("list.csv", &csv);
    relay.command_text(&["suppression", "import", file.to_str().unwrap()]).await;
    let again = relay.command_text(&["suppression", "list"]).await;
    assert_eq!(again.matches("\tmailbox_full\t").count(), 2, "{again}");

    relay.command_text(&["suppression", "remove", "overquota-ann@b.example"]).await;
    assert_eq!(relay.submit("n5@own.example", &to[..1], &mail("n5@own.example", "")).await.code, 250);
    relay.campaign_with("n5@own.example", "/bounced", 1).await;
    let list = relay.command_text(&["suppression", "list"]).await;
    assert_eq!(list.lines().count(), 1, "{list}");
    relay.finish().await;
}
