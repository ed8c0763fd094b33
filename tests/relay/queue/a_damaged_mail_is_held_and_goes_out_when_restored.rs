//! A mail whose stored bytes changed is not sent: the page lists it with the reason, and it goes out once the bytes are
//! back and it is tried again.

use super::{submit, zone};
use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_damaged_mail_is_held_and_goes_out_when_restored() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    relay.command_text(&["queue", "pause"]).await;
    submit(&mut relay, "spring", &["ok-1@b.example"]).await;
    relay.stop().await;
    let change = |relay: &crate::harness::Relay, sql: &str| {
        rusqlite::Connection::open(relay.data_dir().join("postrider.db")).unwrap().execute_batch(sql).unwrap();
    };
    change(&relay, "create table kept as select * from body; update body set bytes = x'00'");
    relay.restart().await;
    relay.command_text(&["queue", "resume"]).await;
    let mut list = String::new();
    crate::harness::wait_until("it is held", crate::harness::PATIENCE, async || {
        list = relay.command_text(&["queue"]).await;
        list.contains("held: ")
    })
    .await;
    assert!(list.contains("ok-1@b.example") && list.contains("do not match their checksum"), "{list}");
    let delivery = list.split("held: ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(relay.command_text(&["queue", "show", &delivery]).await.contains("held\t"));
    assert!(sink.received().is_empty());

    relay.stop().await;
    change(&relay, "delete from body; insert into body select * from kept; drop table kept");
    relay.restart().await;
    let said = relay.command_text(&["queue", "retry", "--delivery", &delivery]).await;
    assert!(said.contains("1 deliveries"), "{said}");
    relay.campaign_with("spring", "/delivered", 1).await;
    assert_eq!(sink.received().len(), 1);
    relay.finish().await;
}
