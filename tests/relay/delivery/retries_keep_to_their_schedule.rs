//! A refusal for now is tried again after the delays of `delivery.retry`, as the receiver's own clock sees it: never
//! earlier than chance may make them, the last one again and again until the life is over.

use crate::harness::{Client, Config, Sink};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: late\r\n\r\nx\r\n";
/// Chance takes a tenth at most.
const EARLIEST_MS: [u64; 3] = [900, 2_700, 1_800];

#[tokio::test]
async fn retries_keep_to_their_schedule() {
    let sink = Sink::start().await.unwrap();
    let config = Config::smarthost(sink.address()).set("delivery.retry", vec!["1s", "3s", "2s"]);
    let mut relay = config.set("delivery.expire", "9s").start().await;
    let to = ["tempfail-1@b.example", "tempfail-2@b.example", "tempfail-3@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    relay.campaign_with("late", "/expired", 3).await;
    for to in to {
        let tried: Vec<u64> = sink.commands(&format!("RCPT TO:<{to}>")).iter().map(|line| line.at_ms).collect();
        let gaps: Vec<u64> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.len() >= 3, "{to} is tried again: {gaps:?}");
        // The last try is made when the life ends, whatever the schedule says.
        for (n, gap) in gaps[..gaps.len() - 1].iter().enumerate() {
            assert!(*gap >= EARLIEST_MS[n.min(2)], "{to}: {gaps:?}");
        }
    }
    relay.finish().await;
}

/// Whoever says when to come again is asked then, and not when the schedule would have it.
#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_to() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.retry", vec!["1m"]).start().await;
    let to = ["pause3-a@b.example", "pause5-b@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    relay.campaign_with("late", "/delivered", 2).await;
    for (to, least_ms) in to.into_iter().zip([3_000, 5_000]) {
        let tried: Vec<u64> = sink.commands(&format!("RCPT TO:<{to}>")).iter().map(|line| line.at_ms).collect();
        assert_eq!(tried.len(), 2, "{to}: {tried:?}");
        assert!(tried[1] - tried[0] >= least_ms, "{to}: {tried:?}");
    }
    relay.finish().await;
}

/// A credential's mail is given up after its own life, other mail after that of the configuration.
#[tokio::test]
async fn a_credential_has_a_life_of_its_own() {
    let sink = Sink::start().await.unwrap();
    let config = Config::smarthost(sink.address()).set("delivery.retry", vec!["1s"]);
    let mut relay = config.set("delivery.expire", "1h").start().await;
    let long = relay.credential("news", &[]).await;
    let short = relay.credential("codes", &["--expire", "3s"]).await;
    for (login, campaign) in [(&long, "news"), (&short, "codes")] {
        let mut client = Client::logged_in(relay.submission(), login).await;
        let mail = MAIL.replace("late", campaign);
        let to = format!("tempfail-{campaign}@b.example");
        assert_eq!(client.send("a@own.example", &[&to], &mail).await.code, 250);
    }
    relay.campaign_with("codes", "/expired", 1).await;
    let stats = relay.campaign("news").await;
    assert_eq!((stats["expired"].as_i64(), stats["queued"].as_i64()), (Some(0), Some(1)), "{stats}");
    let listed = relay.command_text(&["credential", "list"]).await;
    let line = |name: &str| listed.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("codes\t").contains("\ttried for 3s\t") && line("news\t").contains("\tusual life\t"), "{listed}");
    let wrong = relay.command(&["credential", "create", "x", "--expire", "soon"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("90m, 4h or 3d"));
    relay.finish_with_queue().await;
}
