//! What is exported is what happened, and a rebuild shows the same numbers.

use crate::harness::{Config, Mail, Sink, python_text};

#[tokio::test]
async fn the_ledger_makes_the_pages_again() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (name, record) = relay.signing_domain("own.example").await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n";
    assert_eq!(relay.submit("a@own.example", &["ok@b.example", "permfail@b.example"], mail).await.code, 250);
    let received = sink.wait_for(1).await.unwrap();
    let copy = Mail::read(&received[0].bytes);
    relay.follow(&copy.tracked_links()[0]).await;
    let before = relay.campaign_with("c", "/clicked/human", 1).await;
    let before = if before["bounced"] == 1 { before } else { relay.campaign_with("c", "/bounced", 1).await };

    // A second reader of signatures: dkimpy, with the record that the command printed.
    let file = relay.file("copy.eml", &received[0].bytes);
    python_text("verify_dkim.py", &[&file.to_string_lossy(), &format!("{name}={record}")]).await;

    let export = relay.command_text(&["export"]).await;
    let kinds: Vec<String> = export
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    for (kind, times) in [("accepted", 2), ("delivered", 1), ("bounced", 1), ("clicked", 1)] {
        assert_eq!(kinds.iter().filter(|k| *k == kind).count(), times, "{kind}: {export}");
    }
    relay.command_text(&["rebuild"]).await;
    assert_eq!(relay.campaign("c").await, before);
    relay.finish().await;
}
