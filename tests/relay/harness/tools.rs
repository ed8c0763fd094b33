//! Programs that are not ours: Python and its mail libraries, swaks.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Login;

/// A command that scenarios may start.
#[expect(clippy::disallowed_methods, reason = "tests start programs; the relay never does")]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    Command::new(path)
}

/// Whose process this is.
pub fn own_uid() -> u32 {
    std::fs::metadata("/proc/self").unwrap().uid()
}

/// A command that runs as root: by `sudo` if need be, which may not ask.
pub fn as_root(path: &str) -> Command {
    if own_uid() == 0 {
        return program(path);
    }
    let mut command = program("sudo");
    command.args(["-n", path]);
    command
}

/// Runs a program to its end without holding the scenario's other tasks up.
pub async fn run(mut command: Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    ended.unwrap_or_else(|error| panic!("{name} cannot be started ({error}): is .ci/setup done?"))
}

/// Python with the libraries that `.ci/setup` puts beside the build.
fn interpreter() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python3");
    if own.exists() { own } else { PathBuf::from("python3") }
}

/// A script of `tests/relay/checks`, not yet started.
pub fn check(script: &str) -> Command {
    let mut command = program(interpreter());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relay/checks").join(script));
    command
}

/// A script of `tests/audience`, not yet started.
pub fn audience(script: &str) -> Command {
    let mut command = program(interpreter());
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audience").join(script));
    command
}

/// Runs a program that reads its standard input to the end.
pub async fn fed(mut command: Command, input: Vec<u8>) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // A program that has seen enough may leave the rest unread.
    let feeder = tokio::task::spawn_blocking(move || stdin.write_all(&input));
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    let _unread = feeder.await.unwrap();
    output
}

/// Runs a script of `tests/relay/checks`.
pub async fn python(script: &str, arguments: &[&str]) -> Output {
    let mut command = check(script);
    command.args(arguments);
    run(command).await
}

/// Runs a script of `tests/relay/checks` that has to succeed: what it printed.
pub async fn python_text(script: &str, arguments: &[&str]) -> String {
    let output = python(script, arguments).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {out}{err}");
    out.into_owned()
}

/// Sends a message with Python's smtplib, its bytes in a file: what it printed.
pub async fn smtplib(server: SocketAddr, login: Option<&Login>, from: &str, to: &[&str], message: &Path) -> String {
    let server = server.to_string();
    let pair = login.map(|login| format!("{}:{}", login.username, login.password)).unwrap_or_default();
    let message = message.to_string_lossy();
    let to = to.join(",");
    let arguments = ["--server", &server, "--login", &pair, "--from", from, "--to", &to, "--message", message.as_ref()];
    python_text("send_with_smtplib.py", &arguments).await
}

/// Runs swaks against a server; its conversation is on standard output.
pub async fn swaks(server: SocketAddr, login: Option<&Login>, arguments: &[&str]) -> Output {
    let mut command = program("swaks");
    command.arg("--server").arg(server.ip().to_string()).arg("--port").arg(server.port().to_string());
    if let Some(login) = login {
        command.args(["--auth", "PLAIN", "--auth-user", &login.username, "--auth-password", &login.password]);
    }
    command.args(arguments);
    run(command).await
}
