//! `postrider backup` while mail comes in: the copy holds every message that was acknowledged before, large bodies
//! included; put into an empty data folder it starts, delivers what waited, keeps the links of delivered mail alive, and
//! writes its own events under a new name.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Client, Config, Login, Mail, PATIENCE, Relay, Sink, wait_until};

fn mail(n: usize) -> String {
    // Every tenth body is too large to stand in the database.
    let filler =
        if n.is_multiple_of(10) { "<p>0123456789 0123456789 0123456789</p>\r\n".repeat(8_000) } else { String::new() };
    format!(
        "From: a@own.example\r\nSubject: {n}\r\nX-Postrider-Campaign: copy\r\nContent-Type: text/html\r\n\r\n\
         <html><body><a href=\"https://a.example/{n}\">x</a>\r\n{filler}</body></html>\r\n"
    )
}

async fn submit(server: std::net::SocketAddr, login: Login, numbers: std::ops::Range<usize>) {
    let mut client = Client::logged_in(server, &login).await;
    for n in numbers {
        let to = format!("twice-{n}@b.example");
        assert_eq!(client.send("a@own.example", &[&to], &mail(n)).await.code, 250);
    }
}

#[tokio::test]
async fn a_backup_under_load_is_whole() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.retry", vec!["1h"]).start().await;
    let login = relay.login().await;
    assert_eq!(relay.submit("a@own.example", &["ok-1@b.example"], &mail(1_000)).await.code, 250);
    relay.campaign_with("copy", "/delivered", 1).await;
    let link = Mail::read(&sink.received_by("ok-1@b.example")[0].bytes).tracked_links().remove(0);
    submit(relay.submission(), login.clone(), 0..20).await;

    let more = tokio::spawn(submit(relay.submission(), login.clone(), 20..60));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let copy = folder.path().join("data/postrider.db");
    let made = relay.command_text(&["backup", copy.to_str().unwrap()]).await;
    assert!(made.contains("whole"), "{made}");
    more.await.unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "one file is all there is");
    let again = relay.command(&["backup", copy.to_str().unwrap()]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("never overwrites"));
    // Who restores in haste leaves the old log beside the copy; it must not be read into it.
    for name in ["postrider.db-wal", "postrider.mark"] {
        std::fs::copy(relay.data_dir().join(name), copy.with_file_name(name)).unwrap();
    }
    relay.stop().await;

    let restored = Relay::start_in(folder, Config::smarthost(sink.address()), &[]).await;
    assert!(restored.data_dir().join("postrider.db-wal.aside").exists());
    let answer = restored.follow(&link).await;
    assert_eq!((answer.status, answer.header("Location")), (302, Some("https://a.example/1000")));
    // Twice refused, then taken: what waited in the copy is delivered from it.
    wait_until("all that was acknowledged before the backup arrives", 2 * PATIENCE, async || {
        (0..20).all(|n| !sink.received_by(&format!("twice-{n}@b.example")).is_empty())
    })
    .await;
    let large = &sink.received_by("twice-10@b.example")[0].bytes;
    assert!(large.len() > 256 << 10 && Mail::read(large).html().matches("0123456789 0123456789").count() == 8_000);
    let exported = restored.command_text(&["export"]).await;
    let accepted = exported.lines().filter(|line| line.contains("\"accepted\"")).count();
    assert!((21..=61).contains(&accepted), "{accepted}");
    let sources: BTreeSet<_> =
        exported.lines().filter_map(|line| line.split("\"id\":\"").nth(1)?.split('-').next()).collect();
    assert_eq!(sources.len(), 2, "{sources:?}");
    restored.finish().await;
    relay.finish().await;
}
