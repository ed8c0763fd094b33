//! While deliveries under way come to their end, a balancer hears that nothing new should come, and a watchdog that all is
//! well.

use crate::harness::{Config, PATIENCE, Request, Sink, wait_until};

#[tokio::test]
async fn a_stopping_relay_is_alive_but_not_ready() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\n\r\nhi\r\n";
    assert_eq!(relay.submit("a@own.example", &["slow5-x@b.example"], mail).await.code, 250);
    wait_until("the attempt is under way", PATIENCE, async || {
        relay.http(&Request::get("/metrics")).await.text().contains("postrider_attempts_in_flight 1\n")
    })
    .await;
    let ready = relay.http(&Request::get("/readyz")).await;
    assert_eq!((ready.status, ready.text().as_str()), (200, "ready\n"));
    relay.terminate();
    wait_until("it says so", PATIENCE, async || relay.http(&Request::get("/readyz")).await.status == 503).await;
    assert_eq!(relay.http(&Request::get("/healthz")).await.status, 200);
    assert!(relay.ended().await.success());
    assert_eq!(sink.wait_for(1).await.unwrap().len(), 1);
    relay.finish().await;
}
