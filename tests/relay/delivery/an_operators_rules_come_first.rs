//! A file of the operator's own says what a refusal means, before the built-in rules do; a file with a fault in it stops
//! the start, with its line.

use crate::harness::{Config, Sink, program, run};

#[tokio::test]
async fn an_operators_rules_come_first() {
    let sink = Sink::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("bounce.rules");
    let file = rules.to_str().unwrap();
    std::fs::write(&rules, "# ours\ninvalid_recipient code:571 \"as you asked\" # of the sink\n").unwrap();
    let config = |file: &str| Config::smarthost(sink.address()).set("delivery.bounce_rules", file);
    let mut relay = config(file).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: ours\r\n\r\nhi\r\n";
    let to = ["f571-ann@b.example", "f550-bob@b.example", "permfail-cid@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, mail).await.code, 250);
    relay.campaign_with("ours", "/bounced", 3).await;
    let list = relay.command_text(&["suppression", "list"]).await;
    assert!(list.contains("f571-ann@b.example\tbounce") && list.contains("permfail-cid@b.example\tbounce"), "{list}");
    assert_eq!(list.lines().count(), 2, "{list}");

    let faulty = format!("{file}.new");
    std::fs::write(&faulty, "# ours\nspam \"no\"\n").unwrap();
    let broken = relay.file("broken.toml", config(&faulty).text());
    for command in ["serve", "check-config"] {
        let mut called = program(env!("CARGO_BIN_EXE_postrider"));
        called.arg(command).arg("--config").arg(&broken);
        let output = run(called).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let place = format!("delivery.bounce_rules: {faulty}, line 2: spam is no class; there are invalid_recipient, ");
        assert!(said.contains(&place), "{said}");
    }
    relay.finish().await;
}
