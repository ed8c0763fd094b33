//! Somebody else holds the database for writing: pixels and links are answered all the same, and once it is let go each of
//! them is in the numbers, or in the count of what was dropped.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::harness::{Config, Mail, Request, Sink};

const MAIL: &str = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n\
                    <a href=\"https://a.example/\">x</a>\r\n";
const HITS: i64 = 40;

#[tokio::test]
async fn a_locked_database_keeps_no_reader_waiting() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], MAIL).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;
    let received = sink.received();
    let copy = Mail::read(&received[0].bytes);
    let (link, pixel) = (copy.tracked_links().remove(0), copy.pixel().unwrap());
    let mut client = relay.client().await;

    let mut other = Connection::open(relay.data_dir().join("postrider.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Exclusive).unwrap();
    let before = relay.count("event");
    for _ in 0..HITS {
        let clicked = relay.follow(&link).await;
        assert_eq!((clicked.status, clicked.header("location")), (302, Some("https://a.example/")));
        assert_eq!(relay.follow(&pixel).await.status, 200);
    }
    // New mail cannot be made safe, so it is not acknowledged yet.
    let mail = tokio::spawn(async move { client.send("a@own.example", &["ok@b.example"], MAIL).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!mail.is_finished());
    assert_eq!(relay.count("event"), before, "all that was answered while nothing could be written");
    drop(held);
    let reply = mail.await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let metrics = relay.http(&Request::get("/metrics")).await.text();
    assert!(metrics.contains("\npostrider_hits_dropped_total 0\n"), "{metrics}");
    relay.campaign_with("c", "/clicked/total_events", HITS).await;
    relay.campaign_with("c", "/opened/total_events", HITS).await;
    relay.campaign_with("c", "/delivered", 2).await;
    relay.finish().await;
}
