//! SIGHUP: what can be read anew is; for the rest the log says what a restart would change.

use std::path::Path;

use crate::config::{self, Config};

/// Checks the configuration as it stands now against the one in use. Nothing of it is taken over: one that is wrong
/// must not stop a relay that runs.
pub(super) fn check_configuration(file: Option<&Path>, running: &Config) {
    match config::load(file) {
        Err(complaints) => {
            for complaint in complaints {
                tracing::error!(%complaint, "the configuration could not be used at a restart");
            }
        }
        Ok((fresh, _)) => {
            let changed = changed(running, &fresh);
            if changed.is_empty() {
                tracing::info!("the configuration is unchanged");
            } else {
                tracing::warn!(sections = changed.join(", "), "the configuration changed; restart to use it");
            }
        }
    }
}

/// The parts that differ.
fn changed(running: &Config, fresh: &Config) -> Vec<&'static str> {
    let (a, b) = (running, fresh);
    let parts = [
        ("hostname", a.hostname == b.hostname),
        ("data_dir", a.data_dir == b.data_dir),
        ("node", a.node == b.node),
        ("submission", a.submission == b.submission),
        ("web", a.web == b.web),
        ("tracking", a.tracking == b.tracking),
        ("delivery", a.delivery == b.delivery),
        ("retention", a.retention == b.retention),
    ];
    parts.into_iter().filter(|(_, equal)| !equal).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = folder.path().join("postrider.toml");
            std::fs::write(&file, text).unwrap();
            config::load(Some(&file)).unwrap().0
        };
        let running = read("");
        let fresh = read("node = 3\n[delivery]\nport = 26\n");
        assert!(changed(&running, &running.clone()).is_empty());
        assert_eq!(changed(&running, &fresh), ["node", "delivery"]);
        let route = |password: &str| {
            let to = format!("smtp://relay:{password}@192.0.2.7");
            read(&format!("[[delivery.routes]]\ndomains = [\"house.example\"]\nto = \"{to}\"\n"))
        };
        assert_eq!(changed(&route("one"), &route("two")), ["delivery"]);
    }
}
