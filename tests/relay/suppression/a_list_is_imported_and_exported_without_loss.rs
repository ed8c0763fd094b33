//! Lists come in by file, broken rows named, and go out so that no spreadsheet runs them and another relay takes them.

use crate::harness::{Config, Relay};

/// The list as CSV, without the column that says who put each address there.
async fn exported(relay: &Relay) -> Vec<String> {
    let text = relay.command_text(&["suppression", "export"]).await;
    text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_imported_and_exported_without_loss() {
    let relay = Config::new().start().await;
    let mut text = "Email Address,Reason,Scope,Created At\n".to_owned();
    text.push_str("ann@a.example,Hard Bounce,,2026-01-02T03:04:05Z\n");
    text.push_str("nobody,Bounce,,\n\n");
    text.push_str("+tag@a.example,Spam Complaint,,2025-01-01\n=cmd@a.example,unsubscribed,News.Example,\n");
    text.push_str("\"\"\"a,b\"\"@a.example\",,,\nAnn@A.example,Bounce,,\n\"jos\u{e9} @a.example\",,,\n'=quoted@a.example,manual,,\n");
    for n in 0..2_500 {
        text.push_str(&format!("user{n}@bulk.example,Unsubscribe,list.example,\n"));
    }
    let file = relay.file("list.csv", &text);
    let output = relay.command(&["suppression", "import", &file.to_string_lossy()]).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert_eq!(out.trim(), "2505 added, 1 on the list already, 2 refused");
    assert!(err.contains("line 3: \"nobody\" has no domain") && err.contains("line 9: "), "{err}");

    let list = exported(&relay).await;
    assert_eq!(list.len(), 1 + 2_505);
    assert_eq!(list[0], "email,reason,scope,created_at");
    assert_eq!(list[1], "ann@a.example,bounce,,2026-01-02T03:04:05.000Z");
    assert_eq!(list[2], "'+tag@a.example,complaint,,2025-01-01T00:00:00.000Z");
    assert!(list[3].starts_with("'=cmd@a.example,unsubscribe,news.example,2"), "{}", list[3]);
    assert!(list.iter().all(|line| !line.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t'])));

    // Into a relay that does not run.
    let mut other = Config::new().start().await;
    other.stop().await;
    let file = other.file("list.csv", relay.command_text(&["suppression", "export"]).await);
    let said = other.command_text(&["suppression", "import", &file.to_string_lossy()]).await;
    assert_eq!(said.trim(), "2505 added, 0 on the list already, 0 refused");
    assert_eq!(exported(&other).await, list);
    let said = other.command_text(&["suppression", "import", &file.to_string_lossy()]).await;
    assert_eq!(said.trim(), "0 added, 2505 on the list already, 0 refused");
    other.restart().await;
    assert_eq!(exported(&other).await, list);
    other.finish().await;

    // What is no list is said to be none.
    let file = relay.file("other.csv", "name,phone\nAnn,1\n");
    let output = relay.command(&["suppression", "import", &file.to_string_lossy()]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("no column `email`"));
    assert_eq!(relay.command(&["suppression", "import", "/nowhere.csv"]).await.status.code(), Some(1));
    assert_eq!(relay.command(&["suppression", "add", "nobody"]).await.status.code(), Some(1));
    relay.finish().await;
}
