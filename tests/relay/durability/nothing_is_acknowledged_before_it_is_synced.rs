//! The relay's system calls, as the kernel saw them: between the final dot and its 250 the database's log is synced, and
//! before that the file and the folder of a large body.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::harness::{Client, Config, PATIENCE, Sink, as_root, wait_until};

/// A call that ended: the lines it began and ended in, and what it was.
struct Call<'t> {
    began: usize,
    ended: usize,
    text: String,
    name: &'t str,
}

/// The calls of a trace. Where another thread's came in between, one stands in two lines.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    let mut open = std::collections::HashMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, begin));
        } else if call.starts_with("<... ") {
            let Some((began, begin)) = open.remove(thread) else { continue };
            let rest = call.split_once(" resumed>").map_or("", |(_, rest)| rest);
            let name = begin.split('(').next().unwrap_or_default();
            calls.push(Call { began, ended: at, text: format!("{begin}{rest}"), name });
        } else {
            let name = call.split('(').next().unwrap_or_default();
            calls.push(Call { began: at, ended: at, text: call.to_owned(), name });
        }
    }
    calls
}

/// The line in which this was first synced with success, begun after a line.
fn synced(calls: &[Call<'_>], after: usize, what: &str) -> usize {
    let is_sync =
        |call: &&Call<'_>| matches!(call.name, "fsync" | "fdatasync") && call.text.trim_end().ends_with("= 0");
    let mut found = calls.iter().filter(is_sync).filter(|call| call.began > after && call.text.contains(what));
    found.next().unwrap_or_else(|| panic!("{what} was not synced")).ended
}

async fn trace(process: u32, file: &Path, what: impl AsyncFnOnce()) -> String {
    let mut strace = as_root("strace");
    strace.args(["-f", "-y", "-s", "65536", "-e", "trace=fsync,fdatasync,recvfrom,sendto,read,write,readv,writev"]);
    strace.arg("-o").arg(file).args(["-p", &process.to_string()]);
    let told = file.with_extension("told");
    // In a group of its own, or sudo would not pass the signal on.
    let mut running =
        strace.process_group(0).stderr(std::fs::File::create(&told).unwrap()).spawn().expect("strace is there");
    wait_until("strace looks on", PATIENCE, async || std::fs::read_to_string(&told).unwrap().contains("attached"))
        .await;
    what().await;
    // At this it lets go of the relay and ends.
    let asked = as_root("kill").args(["-s", "INT", &running.id().to_string()]).status();
    assert!(asked.unwrap().success());
    tokio::task::spawn_blocking(move || running.wait()).await.unwrap().unwrap();
    String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_synced() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let login = relay.login().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, lines) in [("small", 1), ("large", 10_000)] {
        let mut client = Client::logged_in(relay.submission(), &login).await;
        let line = "what stands in a mail is on the disk before it is ours\r\n";
        let mail = format!(
            "From: a@own.example\r\nX-Postrider-Campaign: synced\r\n\r\n{}the end of it\r\n",
            line.repeat(lines)
        );
        let trace = trace(relay.process_id(), &folder.path().join(name), async || {
            assert_eq!(client.send("a@own.example", &["ok@b.example"], &mail).await.code, 250);
        })
        .await;
        client.quit().await;
        let calls = calls(&trace);
        let at = |names: [&str; 3], text: &str| {
            let of = |call: &&Call<'_>| names.contains(&call.name) && call.text.contains(text);
            calls.iter().find(of).unwrap_or_else(|| panic!("{text:?} is not in the trace of the {name} mail"))
        };
        let dot = at(["recvfrom", "read", "readv"], "the end of it\\r\\n.\\r\\n").ended;
        let acknowledged = at(["sendto", "write", "writev"], "\"250 2.0.0 ").began;
        let mut last = dot;
        if name == "large" {
            last = synced(&calls, last, ".eml>");
            last = synced(&calls, last, "/bodies>");
        }
        last = synced(&calls, last, "postrider.db-wal>");
        assert!(dot < last && last < acknowledged, "{name}: {dot} {last} {acknowledged}");
    }
    relay.campaign_with("synced", "/delivered", 2).await;
    relay.finish().await;
}
