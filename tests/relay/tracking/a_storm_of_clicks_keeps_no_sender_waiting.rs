//! Thousands click at once while mail is submitted and delivered: each mail gets its 250 and arrives, none waits until the
//! last click is written down, and each click is in the numbers or in the count of what was dropped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::Value;

use crate::harness::{Client, Config, Login, Mail, Relay, Request, Sink};

const CLICKS: i64 = 4_000;
const AT_ONCE: usize = 300;
const MAILS: i64 = 60;

fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n\
         <a href=\"https://a.example/\">x</a>\r\n"
    )
}

async fn storm(relay: &Relay, link: &str) {
    futures_util::stream::iter(0..CLICKS)
        .for_each_concurrent(AT_ONCE, async |_| assert_eq!(relay.follow(link).await.status, 302))
        .await;
}

async fn submit(relay: &Relay, login: &Login, mails: i64) {
    let mut client = Client::logged_in(relay.submission(), login).await;
    for n in 0..mails {
        let reply = client.send("a@own.example", &[&format!("ok-{n}@b.example")], mail("meanwhile")).await;
        assert_eq!(reply.code, 250, "{n}: {reply:?}");
    }
    client.quit().await;
}

/// Every click is counted, or told as dropped.
async fn assert_counted(relay: &Relay, clicks: i64) {
    let metrics = relay.http(&Request::get("/metrics")).await.text();
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("postrider_hits_dropped_total "));
    let dropped: i64 = dropped.unwrap().parse().unwrap();
    relay.campaign_with("clicked", "/clicked/total_events", clicks - dropped).await;
}

#[tokio::test]
async fn a_storm_of_clicks_keeps_no_sender_waiting() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let login = relay.login().await;
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], &mail("clicked")).await.code, 250);
    relay.campaign_with("clicked", "/delivered", 1).await;
    let link = Mail::read(&sink.received()[0].bytes).tracked_links().remove(0);

    // Both at once.
    tokio::join!(storm(&relay, &link), submit(&relay, &login, MAILS));
    relay.campaign_with("meanwhile", "/delivered", MAILS).await;
    assert_counted(&relay, CLICKS).await;

    // All clicks wait for the database when one more mail comes: it is written before the last of them.
    let mut other = Connection::open(relay.data_dir().join("postrider.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    storm(&relay, &link).await;
    let relay = Arc::new(relay);
    let late = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { submit(&relay, &login, 1).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(held);
    late.await.unwrap();
    let relay = Arc::into_inner(relay).unwrap();
    assert_counted(&relay, 2 * CLICKS).await;
    let told = relay.command_text(&["export"]).await;
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accepted = told.iter().rposition(|event| event["type"] == "accepted").unwrap();
    let after = told[accepted..].iter().filter(|event| event["type"] == "clicked").count();
    assert!(after >= 1_000, "{after} clicks were written after the mail that came last");
    relay.finish().await;
}
