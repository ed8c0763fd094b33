//! The disk fails to make a commit durable: that message and all later ones are refused, the relay says why and ends with
//! exit code 1, and at the next start everything that was acknowledged is there.

use std::path::Path;

use crate::harness::{Client, Config, Relay, Sink, program, run};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: eio\r\n\r\nx\r\n";

async fn build_the_fault(folder: &Path) -> String {
    let library = folder.join("failing_disk.so").to_string_lossy().into_owned();
    let mut compile = program("cc");
    compile.args(["-shared", "-fPIC", "-O1", "-o", &library]);
    compile.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relay/checks/failing_disk.c"));
    let done = run(compile).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    library
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_failed_write() {
    let sink = Sink::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let library = build_the_fault(folder.path()).await;
    let fault = folder.path().join("fault");
    let environment = [("LD_PRELOAD", library.as_str()), ("FAILING_DISK", fault.to_str().unwrap())];
    let mut relay = Relay::start_in(folder, Config::smarthost(sink.address()), &environment).await;
    let login = relay.login().await;
    let mut clients = Vec::new();
    for n in 0..4 {
        let mut client = Client::logged_in(relay.submission(), &login).await;
        assert_eq!(client.send("a@own.example", &[&format!("ok-{n}@b.example")], MAIL).await.code, 250);
        clients.push(client);
    }
    relay.campaign_with("eio", "/delivered", 4).await;

    std::fs::write(&fault, "").unwrap();
    let mut answers = Vec::new();
    for (n, client) in clients.iter_mut().enumerate() {
        answers.push(client.send("a@own.example", &[&format!("ok-lost{n}@b.example")], MAIL).await.code);
    }
    assert!(answers.iter().all(|code| [0, 421, 451].contains(code)), "{answers:?}");
    let status = relay.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(relay.log().contains("the disk failed"), "{}", relay.log());

    std::fs::remove_file(&fault).unwrap();
    relay.restart().await;
    let after = relay.campaign("eio").await;
    assert!(after["delivered"].as_i64().unwrap() >= 4, "{after}");
    assert_eq!(relay.submit("a@own.example", &["ok-again@b.example"], MAIL).await.code, 250);
    relay.finish().await;
}
