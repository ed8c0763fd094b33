//! Hundreds of messages that other projects test their parsers with, and pages of mail templates, each with tracking on and off.
//!
//! `.ci/setup` fetches them (docs/CORPUS.md lists them). Python's smtplib sends them as they are; Python's mail parser, Lexbor,
//! dkimpy and OpenDKIM read what arrives, and share nothing with the relay but docs/REWRITING.md.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Config, Keep, Sink, SinkSettings, python_text, wait_until};

/// All there are, for a machine with much else to do.
const DELIVERED_WITHIN: Duration = Duration::from_mins(5);

/// Not all are counted on: Debian may mend a package of its release.
const MESSAGES_MIN: i64 = 600;

#[tokio::test]
async fn real_mails_arrive_unharmed() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let [made, taken] = ["made", "taken"].map(path);
    for one in [&made, &taken] {
        std::fs::create_dir(one).unwrap();
    }
    let target = |name: &str| format!("{}/target/{name}", env!("CARGO_MANIFEST_DIR"));
    let [corpus, templates] = ["test-corpus", "test-templates"].map(target);
    let domains = python_text("real_mails.py", &[&corpus, &templates, &made]).await;
    let domains: Vec<String> = serde_json::from_str(&domains).unwrap();

    let keep = Keep::Folder(taken.clone().into());
    let sink = Sink::with(SinkSettings { keep, ..SinkSettings::default() }).await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut records = String::new();
    for domain in &domains {
        for record in relay.signing_domain(domain).await.lines() {
            let (name, value) = record.split_once('=').unwrap();
            writeln!(records, "{name} {value}").unwrap();
        }
    }
    std::fs::write(path("keys"), records).unwrap();
    let login = relay.login().await;
    let pair = format!("{}:{}", login.username, login.password);
    let refusals = python_text("send_real_mails.py", &[&relay.submission().to_string(), &pair, &made]).await;
    std::fs::write(path("refusals.json"), &refusals).unwrap();
    let refused = serde_json::from_str::<Vec<Value>>(&refusals).unwrap().len();
    let sent = std::fs::read_dir(&made).unwrap().count() - 1;
    wait_until("all arrive", DELIVERED_WITHIN, async || usize::try_from(sink.tally().mails).unwrap() + refused == sent)
        .await;

    let (web, database) = (relay.web().to_string(), relay.data_dir().join("postrider.db"));
    let base = "https://track.postrider.example";
    let told = python_text("compare_real_mails.py", &[&path(""), base, &web, &database.to_string_lossy()]).await;
    println!("{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let total: i64 = told["messages"].as_object().unwrap().values().filter_map(Value::as_i64).sum();
    assert!(total >= MESSAGES_MIN, "{told}");
    for (what, least) in [("links", 800), ("pixels", 300), ("signatures verified by dkimpy", 1_000)] {
        assert!(told["seen"][what].as_i64() >= Some(least), "{told}");
    }
    relay.finish().await;
}
