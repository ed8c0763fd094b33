//! The queue commands do the same on a stopped relay's folder as on a running one, and say by their exit code how it went.

use super::{submit, zone};
use crate::harness::{Config, Relay, Sink};

async fn fails(relay: &Relay, arguments: &[&str], code: i32, word: &str) {
    let output = relay.command(arguments).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(word), "{arguments:?}: {text}");
}

#[tokio::test]
async fn the_commands_work_with_and_without_a_relay() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1h"]);
    let mut relay = config.start().await;
    submit(&mut relay, "spring", &["tempfail-1@b.example", "greylist-2@c.example"]).await;
    relay.campaign_with("spring", "/deferred", 2).await;
    for stopped in [false, true] {
        if stopped {
            relay.stop().await;
        }
        fails(&relay, &["queue", "cancel"], 2, "--campaign").await;
        fails(&relay, &["queue", "cancel", "--all", "--domain", "b.example"], 2, "cannot be used with").await;
        fails(&relay, &["queue", "pause", "--delivery", "1"], 2, "--delivery").await;
        fails(&relay, &["queue", "cancel", "--campaign", "autumn"], 1, "autumn").await;
        fails(&relay, &["queue", "retry", "--delivery", "1"], 1, "1").await;
        fails(&relay, &["queue", "show", "nothing"], 1, "nothing").await;
        let list = relay.command_text(&["queue"]).await;
        assert!(list.contains("b.example\t1\t1\t") && list.contains("451 4.7.1 Try again later"), "{list}");
        let one = relay.command_text(&["queue", "--site", "c.example"]).await;
        assert!(one.contains("c.example\t1\t1\t") && !one.contains("b.example\t"), "{one}");
        assert!(relay.command_text(&["queue", "pause"]).await.contains("everything is paused"));
        assert!(relay.command_text(&["queue"]).await.contains("paused: everything"));
        assert!(relay.command_text(&["queue", "resume"]).await.contains("everything is resumed"));
    }
    // Still stopped: one is cancelled, the other is due when the relay starts.
    assert!(relay.command_text(&["queue", "cancel", "--domain", "b.example"]).await.contains("1 deliveries"));
    assert!(relay.command_text(&["queue", "retry", "--campaign", "spring"]).await.contains("1 deliveries"));
    relay.restart().await;
    let stats = relay.campaign_with("spring", "/delivered", 1).await;
    assert_eq!((stats["cancelled"].as_i64(), stats["queued"].as_i64()), (Some(1), Some(0)));
    assert_eq!(sink.received().len(), 1);
    relay.finish().await;
}
