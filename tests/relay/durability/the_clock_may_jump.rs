//! The wall clock jumps a day ahead, then a day back: nothing expires for it, and nothing waits for it.

use std::path::PathBuf;

use crate::harness::{Config, PATIENCE, Relay, Sink, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: jump\r\n\r\nx\r\n";

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|path| path.exists()).expect("libfaketime is there: is .ci/setup done?")
}

#[tokio::test]
async fn the_clock_may_jump() {
    let sink = Sink::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    let set = |offset: &str| {
        std::fs::write(clock.with_extension("new"), offset).unwrap();
        std::fs::rename(clock.with_extension("new"), &clock).unwrap();
    };
    set("+0");
    let library = library();
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let config = Config::smarthost(sink.address()).set("delivery.retry", vec!["4s"]).set("delivery.expire", "1h");
    let mut relay = Relay::start_in(folder, config, &environment).await;
    assert_eq!(relay.submit("a@own.example", &["twice-ahead@b.example"], MAIL).await.code, 250);
    relay.campaign_with("jump", "/deferred", 1).await;
    set("+1d");
    relay.campaign_with("jump", "/delivered", 1).await;

    assert_eq!(relay.submit("a@own.example", &["twice-back@b.example"], MAIL).await.code, 250);
    relay.campaign_with("jump", "/deferred", 1).await;
    set("+0");
    wait_until("mail goes on after the clock went back", 2 * PATIENCE, async || {
        !sink.received_by("twice-back@b.example").is_empty()
    })
    .await;
    let stats = relay.campaign_with("jump", "/delivered", 2).await;
    assert_eq!((stats["expired"].as_i64(), stats["bounced"].as_i64()), (Some(0), Some(0)));
    assert!(relay.log().contains("jumped ahead") && relay.log().contains("went back"), "{}", relay.log());
    relay.finish().await;
}
