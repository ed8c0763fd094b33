//! A file of rules says who fetched something, for what comes and, by `reclassify`, for what came before. The second time it
//! changes nothing; it works on a running relay and on its folder alone; a fault in the file is named with its line.

use crate::harness::{Config, Mail, Relay, Sink};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n\
                    <a href=\"https://shop.example/1\">1</a> <a href=\"https://shop.example/2\">2</a> \
                    <a href=\"https://shop.example/3\">3</a>\r\n";
const STRICT: &str =
    "[[rule]]\nname = \"our-office\"\nclass = \"unknown\"\nevent = \"click\"\nnetwork = [\"127.0.0.0/8\"]\n";

async fn reclassify(relay: &Relay, arguments: &[&str], expected: &[&str]) {
    let said = relay.command_text(&[&["reclassify"], arguments].concat()).await;
    for part in expected {
        assert!(said.contains(part), "{part} in {said}");
    }
}

async fn fails(relay: &Relay, arguments: &[&str], place: &str) {
    let output = relay.command(&[&["reclassify"], arguments].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(place), "{place} in {said}");
}

#[tokio::test]
async fn history_is_judged_by_a_changed_file() {
    let sink = Sink::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("audience.toml");
    let file = rules.to_str().unwrap();
    std::fs::write(&rules, "# nothing yet\n").unwrap();
    let mut relay = Config::smarthost(sink.address()).set("tracking.audience_rules", file).start().await;
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], MAIL).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;
    let copy = sink.received()[0].bytes.clone();
    let (links, pixel) = (Mail::read(&copy).tracked_links(), Mail::read(&copy).pixel().unwrap());
    relay.follow(&pixel).await;
    relay.follow(&links[0]).await;
    relay.campaign_with("c", "/clicked/human", 1).await;
    reclassify(&relay, &[], &["2 hits of 1 deliveries were looked at; 0 are of another class now"]).await;

    // The file changes: a dry run says what that would do, and the next one does it once, while the relay runs.
    std::fs::write(&rules, STRICT).unwrap();
    reclassify(&relay, &["--dry-run"], &["1\thuman -> unknown\tour-office", "1 would be of another class"]).await;
    assert_eq!(relay.campaign("c").await["clicked"]["human"], 1);
    reclassify(&relay, &["--campaign", "other"], &["0 hits of 0 deliveries"]).await;
    reclassify(&relay, &["--since", "2100-01-01T00:00:00Z"], &["; 0 are of another class now"]).await;
    reclassify(&relay, &["--campaign", "c"], &["1\thuman -> unknown\tour-office", "1 are of another class now"]).await;
    let stats = relay.campaign_with("c", "/clicked/unknown", 1).await;
    assert_eq!((&stats["clicked"]["human"], &stats["opened"]["human"]), (&0.into(), &1.into()), "{stats}");
    reclassify(&relay, &[], &["; 0 are of another class now"]).await;
    relay.verify().await;

    // What comes is judged by the file from the next start on.
    relay.restart().await;
    relay.follow(&links[0]).await;
    let stats = relay.campaign_with("c", "/clicked/total_events", 2).await;
    assert_eq!((&stats["clicked"]["unknown"], &stats["clicked"]["human"]), (&1.into(), &0.into()), "{stats}");

    // Other rules than those of the configuration, on the folder of a relay that is stopped.
    relay.stop().await;
    let built_in = relay.file("empty.toml", "");
    let built_in = ["--rules", built_in.to_str().unwrap()];
    reclassify(&relay, &built_in, &["2\tunknown -> human\tknown-client", "2 are of another class now"]).await;
    reclassify(&relay, &built_in, &["; 0 are of another class now"]).await;

    fails(&relay, &["--since", "yesterday"], "--since \"yesterday\" is no time").await;
    std::fs::write(&rules, format!("{STRICT}within = \"soon\"\n")).unwrap();
    let place = format!("tracking.audience_rules: {file}, line 6: rule \"our-office\", within: \"soon\" is no time");
    fails(&relay, &[], &place).await;
    std::fs::write(&rules, STRICT).unwrap();
    relay.restart().await;
    relay.campaign_with("c", "/clicked/human", 1).await;
    relay.finish().await;
}
