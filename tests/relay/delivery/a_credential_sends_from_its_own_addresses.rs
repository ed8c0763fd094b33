//! Each credential's mail leaves from its own addresses, over connections of its own, and what has none leaves as the
//! configuration says. An address that this machine does not have is its own fault: the mail waits, and its page and the
//! log say why.

use std::collections::BTreeSet;

use crate::harness::{Client, Config, PATIENCE, Request, Sink, Zone, wait_until};

/// For documentation (RFC 5737): no machine has it.
const ELSEWHERE: &str = "192.0.2.77";

#[tokio::test]
async fn a_credential_sends_from_its_own_addresses() {
    let sink = Sink::start().await.unwrap();
    let dns = Zone::new().a("mx.b.example", "127.0.0.1").mx("b.example", 10, "mx.b.example").start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.source_addresses", vec!["127.0.0.4"]);
    let mut relay = config.start().await;
    let own = [
        ("one", vec!["127.0.0.2"]),
        ("two", vec!["127.0.0.3", "127.0.0.5", "127.0.0.3"]),
        ("lost", vec![ELSEWHERE]),
        ("plain", vec![]),
    ];
    let mut logins = Vec::new();
    for (name, addresses) in &own {
        let arguments: Vec<_> = addresses.iter().flat_map(|ip| ["--source-address", ip]).collect();
        logins.push((*name, relay.credential(name, &arguments).await));
    }
    // One after the other, so that the connection of the one before stands idle.
    for n in 0..6 {
        for (name, login) in &logins {
            if *name == "lost" && n > 0 {
                continue;
            }
            let mut client = Client::logged_in(relay.submission(), login).await;
            let mail = format!("From: a@own.example\r\nSubject: {n}\r\nX-Postrider-Campaign: {name}\r\n\r\nx\r\n");
            let to = format!("ok-{name}x{n}@b.example");
            assert_eq!(client.send("a@own.example", &[&to], &mail).await.code, 250);
            if *name != "lost" {
                wait_until("it arrives", PATIENCE, async || !sink.received_by(&to).is_empty()).await;
            }
        }
    }
    let peers = |name: &str| -> BTreeSet<String> {
        let of = |to: &String| to.starts_with(&format!("ok-{name}x"));
        sink.received().iter().filter(|mail| mail.rcpt_to.iter().any(of)).map(|mail| mail.peer.to_string()).collect()
    };
    assert_eq!((peers("one"), peers("plain")), (["127.0.0.2".into()].into(), ["127.0.0.4".into()].into()));
    let two = peers("two");
    assert!(!two.is_empty() && two.is_subset(&["127.0.0.3".into(), "127.0.0.5".into()].into()), "{two:?}");

    let stats = relay.campaign_with("lost", "/deferred", 1).await;
    assert_eq!((stats["bounced"].as_i64(), sink.received().len()), (Some(0), 18), "{stats}");
    let shown = relay.api(&format!("/api/v1/messages/{}", stats["receipts"][0]["sample"].as_str().unwrap())).await;
    let reply = shown["attempts"][0]["reply"].as_str().unwrap();
    assert!(reply.starts_with("451 4.3.5") && reply.contains(ELSEWHERE), "{shown}");
    assert!(relay.log().lines().any(|line| line.contains("WARN") && line.contains(ELSEWHERE)), "{}", relay.log());

    let listed = relay.command_text(&["credential", "list"]).await;
    let line = |name: &str| listed.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(
        line("two\t").ends_with("\t127.0.0.3 127.0.0.5") && line("plain\t").ends_with("\tas configured"),
        "{listed}"
    );
    let cookie = relay.sign_in().await;
    let page = relay.http(&Request::get("/settings").header("Cookie", &cookie)).await.text();
    assert!(page.contains("<code>127.0.0.5</code>"), "{page}");
    relay.finish().await;
}
