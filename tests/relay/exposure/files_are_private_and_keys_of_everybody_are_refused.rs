//! What the relay keeps is for its own user alone, and a key that everybody may read stops the start.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::harness::{Certificate, Config, program, run};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn files_are_private_and_keys_of_everybody_are_refused() {
    let mut relay = Config::new().start().await;
    let large = format!("From: a@own.example\r\n\r\n{}", "x\r\n".repeat(120_000));
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], &large).await.code, 250);
    let found = files(&relay.data_dir());
    for name in ["postrider.db", "postrider.db-wal", "signing.key", "first-run.txt", "control.sock", "lock"] {
        assert!(found.iter().any(|path| path.ends_with(name)), "{name} in {found:?}");
    }
    assert!(found.iter().any(|path| path.parent().unwrap().ends_with("bodies")), "{found:?}");
    assert_eq!(mode(&relay.data_dir()), 0o700);
    for path in found.iter().filter(|path| !path.ends_with("listening.json")) {
        assert_eq!(mode(path) & 0o177, 0, "{} is {:o}", path.display(), mode(path));
    }

    relay.stop().await;
    let serve = async |config: &Path| {
        let mut command = program(env!("CARGO_BIN_EXE_postrider"));
        command.arg("serve").arg("--config").arg(config);
        let output = run(command).await;
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let key = relay.data_dir().join("signing.key");
    open(&key, 0o644);
    let said = serve(&relay.config_file()).await;
    assert!(said.contains("signing.key") && said.contains("chmod 600"), "{said}");
    open(&key, 0o600);

    let certificate = Certificate::new("relay.postrider.example");
    open(&certificate.key(), 0o644);
    for section in ["submission", "web", "tracking"] {
        let config = Config::new().set("data_dir", relay.data_dir().to_string_lossy().into_owned());
        let config = config.set("tracking.listen", "127.0.0.1:0");
        let config = config.set(&format!("{section}.tls_cert"), certificate.cert().to_string_lossy().into_owned());
        let config = config.set(&format!("{section}.tls_key"), certificate.key().to_string_lossy().into_owned());
        let said = serve(&relay.file("open.toml", config.text())).await;
        assert!(said.contains("key.pem") && said.contains("chmod"), "{section}: {said}");
    }
    relay.restart().await;
    relay.finish().await;
}
