//! Somebody else holds the database for longer than the relay waits for it: the hit that could not be written down is in the
//! count of what was dropped, what came later is counted when it is let go, and the mail that waited gets its 250.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::harness::{Config, Mail, Relay, Request, Sink, wait_until};

const MAIL: &str = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n\
                    <a href=\"https://a.example/\">x</a>\r\n";
/// The relay waits for half of this.
const HELD_MAX: Duration = Duration::from_mins(1);

async fn is_dropped(relay: &Relay, hits: u64) -> bool {
    let metrics = relay.http(&Request::get("/metrics")).await.text();
    metrics.contains(&format!("\npostrider_hits_dropped_total {hits}\n"))
}

#[tokio::test]
async fn what_a_held_database_cost_is_told() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], MAIL).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;
    let link = Mail::read(&sink.received()[0].bytes).tracked_links().remove(0);
    let mut client = relay.client().await;

    let mut other = Connection::open(relay.data_dir().join("postrider.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Exclusive).unwrap();
    assert_eq!(relay.follow(&link).await.status, 302);
    // The first is being written by now; these wait behind it.
    assert_eq!(relay.follow(&link).await.status, 302);
    let mail = tokio::spawn(async move { client.send("a@own.example", &["ok@b.example"], MAIL).await });
    wait_until("the first click is given up", HELD_MAX, async || is_dropped(&relay, 1).await).await;
    assert!(!mail.is_finished());
    drop(held);

    assert_eq!(mail.await.unwrap().code, 250);
    relay.campaign_with("c", "/clicked/total_events", 1).await;
    relay.campaign_with("c", "/delivered", 2).await;
    assert!(is_dropped(&relay, 1).await);
    relay.finish().await;
}
