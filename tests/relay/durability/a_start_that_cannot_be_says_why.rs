//! Port taken, folder in use, database of a newer version, wrong configuration: one clear sentence each, and no harm.

use std::process::Output;

use crate::harness::{Config, program, run};

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_start_that_cannot_be_says_why() {
    let mut relay = Config::new().start().await;
    let serve = async |config: &std::path::Path| {
        let mut command = program(env!("CARGO_BIN_EXE_postrider"));
        command.arg("serve").arg("--config").arg(config);
        let output = run(command).await;
        assert!(!output.status.success());
        said(&output)
    };

    let second = serve(&relay.config_file()).await;
    assert!(second.contains("relay is running") || second.contains("in use") || second.contains("another"), "{second}");

    let other = relay.data_dir().with_file_name("other");
    let (folder, taken) = (other.display(), relay.submission());
    let port = relay.file(
        "port.toml",
        format!("data_dir = \"{folder}\"\n[submission]\nlisten = [\"{taken}\"]\n[web]\nlisten = \"127.0.0.1:0\"\n"),
    );
    let text = serve(&port).await;
    assert!(text.contains("submission.listen") && text.contains(&taken.to_string()), "{text}");

    let wrong = relay.file("wrong.toml", "hostnam = \"x\"\n[delivery]\nmode = \"pigeon\"\n");
    let text = serve(&wrong).await;
    assert!(text.contains("hostnam") && text.contains("mode") && text.contains("smarthost"), "{text}");

    relay.stop().await;
    let database = std::fs::read_dir(relay.data_dir()).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let database =
        database.into_iter().find(|path| path.extension().is_some_and(|e| e == "db" || e == "sqlite")).unwrap();
    let sql = "insert into migration select 'x-' || name, sha256, applied_at from migration";
    let statement = |sql: &str| {
        let conn = rusqlite::Connection::open(&database).unwrap();
        conn.execute_batch(sql).unwrap();
    };
    statement(sql);
    let text = serve(&relay.config_file()).await;
    assert!(text.contains("newer version"), "{text}");
    statement("delete from migration where name like 'x-%'");
    relay.restart().await;
    relay.finish().await;
}
