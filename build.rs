//! Build facts for `postrider --version`: where the source came from and what it was compiled with. What cannot be found
//! out (a source archive has no commit) is left out.

use std::env;
use std::ffi::OsStr;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A build for work names no commit, or each commit would make everything be built again.
    let commit = if env::var("DEBUG").is_ok_and(|debug| debug == "false") { commit() } else { None };
    println!("cargo::rustc-env=POSTRIDER_COMMIT={}", commit.unwrap_or_default());
    let compiler = env::var_os("RUSTC").and_then(|rustc| said(rustc, &["--version"]));
    println!("cargo::rustc-env=POSTRIDER_RUSTC={}", compiler.unwrap_or_default());
    println!("cargo::rustc-env=POSTRIDER_TARGET={}", env::var("TARGET").unwrap_or_default());
}

fn commit() -> Option<String> {
    for file in ["HEAD", "logs/HEAD"] {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", file])?);
    }
    git(&["log", "-1", "--format=%h of %cs"])
}

/// Asked only where this folder is the checkout's own top: a copy within another project's repository is not its commit.
fn git(arguments: &[&str]) -> Option<String> {
    let top = said("git", &["rev-parse", "--show-prefix"])?;
    if top.is_empty() { said("git", arguments) } else { None }
}

#[expect(clippy::disallowed_methods, reason = "the build asks programs; the relay never does")]
fn said(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
