//! What the program knows of itself: its build, its manual pages, its completions.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::{Failure, say};
use crate::store;

static VERSION: LazyLock<String> = LazyLock::new(version);

/// The grammar, with the long version.
pub(super) fn command() -> clap::Command {
    Arguments::command().long_version(VERSION.as_str())
}

/// Version, commit, compiler, target, SQLite.
fn version() -> String {
    let mut lines = vec![env!("CARGO_PKG_VERSION").to_owned()];
    let facts = [
        ("commit", env!("POSTRIDER_COMMIT")),
        ("compiler", env!("POSTRIDER_RUSTC")),
        ("target", env!("POSTRIDER_TARGET")),
        ("SQLite", store::sqlite_version()),
    ];
    lines.extend(facts.iter().filter(|(_, fact)| !fact.is_empty()).map(|(name, fact)| format!("{name}: {fact}")));
    lines.join("\n")
}

pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "postrider", &mut script);
    // A reader that went away is no failure of ours.
    let _ = std::io::stdout().write_all(&script);
}

/// Every page into a folder, or the first one on standard output.
pub(super) fn manual(folder: Option<&Path>) -> Result<(), Failure> {
    // The long version is for `--version`; a page's foot has room for a number.
    let command = Arguments::command();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        let _ = std::io::stdout().write_all(&page);
        return Ok(());
    };
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)?;
    say(&format!("the manual pages are in {}; read one with: man -l {0}/postrider.1", folder.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_describes_itself() {
        command().debug_assert();
        assert!(version().contains("SQLite: 3.") && version().contains("compiler: rustc"));
        let folder = tempfile::tempdir().unwrap();
        manual(Some(folder.path())).unwrap();
        let page = std::fs::read_to_string(folder.path().join("postrider-backup.1")).unwrap();
        assert!(page.contains("consistent copy"));
    }
}
