//! `postrider demo`: a relay on a throw-away folder, filled by a sender, receiving servers and readers that are made up.
//!
//! Promises: the relay is the real one and gets everything over its own doors, SMTP, HTTP and the control socket; what was
//! done to it is written down apart, so that its numbers can be counted again; nothing leaves this machine, since the only
//! name server that it asks knows nobody else. May import everything but `cli`.

mod agents;
mod audience;
mod copy;
mod diary;
mod dice;
mod domains;
mod fill;
mod habits;
mod letters;
mod names;
mod page;
mod people;
mod receiver;
mod replies;
mod sender;
mod web;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::app::{self, SIMULATED, Servers, World};
use crate::clock::Clock;
use crate::config::{self, Config};
use diary::Diary;
use fill::{Stage, fill};

/// Where the pages are, unless something else is said or listens there.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// With a small audience, one of so many recipients.
const SMALL: usize = 10;

/// What the user asks for.
#[derive(Debug, Default)]
pub struct Options {
    /// The folder that stays; without it, one that is removed.
    pub keep: Option<PathBuf>,
    /// Where the pages are.
    pub listen: Option<SocketAddr>,
    /// A tenth of the audience.
    pub small: bool,
}

/// Runs until it is told to stop.
pub fn run(options: &Options) -> Result<(), String> {
    app::log::start("warn,actix_server=error");
    let listen = options.listen.unwrap_or_else(free_listener);
    let folder = options.keep.clone().map_or_else(temporary_folder, |folder| kept_folder(&folder))?;
    let ended = run_in(&folder, listen, options);
    match (&options.keep, &ended) {
        (None, Ok(())) => {
            std::fs::remove_dir_all(&folder).map_err(|e| format!("{} is not removed: {e}", folder.display()))?;
            say(&format!("{} is removed.", folder.display()));
        }
        (Some(_), _) | (None, Err(_)) => say(&format!("What it has is in {}.", folder.display())),
    }
    ended
}

fn run_in(folder: &Path, listen: SocketAddr, options: &Options) -> Result<(), String> {
    let fault = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let config = configuration(folder, listen)?;
    let (names, dns) = names::bind().map_err(|e| fault("the demo's name server", e))?;
    let (hosts, port) = receiver::bind().map_err(|e| fault("the demo's mail servers at 127.25.0.0/24", e))?;
    let diary = Diary::create(&folder.join(SIMULATED), Clock).map_err(|e| fault(SIMULATED, e))?;
    let removed = if options.keep.is_some() { "it stays" } else { "removed at the end; --keep DIR keeps one" };
    say(&format!(
        "Postrider demo: a real relay, a simulated audience. Senders, readers and receiving servers are made up.\n\
         Data folder: {} ({removed})",
        folder.display()
    ));
    let share = if options.small { SMALL } else { 1 };
    let stage = Stage { names, hosts, diary, folder: folder.to_owned(), share };
    let world = World { servers: Servers { dns, port }, begin: Box::new(move |place| Box::pin(fill(stage, place))) };
    app::serve_in(config, None, Some(world))
}

/// The demo has its own configuration, whatever the machine's file and environment say.
fn configuration(folder: &Path, listen: SocketAddr) -> Result<Config, String> {
    let folder = toml::Value::from(folder.to_string_lossy().into_owned());
    let text = format!(
        "hostname = \"relay.millbrook.example\"\ndata_dir = {folder}\n\n\
         [submission]\nlisten = [\"127.0.0.1:0\"]\n\n\
         [web]\nlisten = \"{listen}\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n\n\
         [tracking]\nbase_url = \"https://{}\"\n\n\
         [delivery]\nmode = \"sandbox\"\nretry = [\"4s\", \"8s\", \"30s\", \"2m\", \"10m\"]\nexpire = \"1d\"\n",
        copy::TRACKING_HOST
    );
    config::read(&text, std::iter::empty(), "localhost").map_err(|complaints| {
        let lines: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        format!("the demo's configuration cannot be used: {}", lines.join("; "))
    })
}

/// The usual address, or a free port where that is taken.
fn free_listener() -> SocketAddr {
    if TcpListener::bind(LISTEN).is_ok() {
        return LISTEN;
    }
    say(&format!("Something else listens on {LISTEN}, so a free port is taken (--listen ADDR chooses one)."));
    SocketAddr::new(LISTEN.ip(), 0)
}

fn temporary_folder() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("postrider-demo-{:016x}", app::random()));
    make(&folder, false)?;
    Ok(folder)
}

/// A folder that stays: made when missing, and with nothing of anybody else in it.
fn kept_folder(folder: &Path) -> Result<PathBuf, String> {
    make(folder, true)?;
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    if std::fs::read_dir(folder).map_err(fault)?.next().is_some() {
        return Err(format!("{} is not empty; name an empty folder, or one to be made", folder.display()));
    }
    std::path::absolute(folder).map_err(fault)
}

fn make(folder: &Path, recursive: bool) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(recursive).mode(0o700).create(folder);
    made.map_err(|e| format!("{}: {e}", folder.display()))
}

/// A line for the user; one who went away is no failure of ours.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_configuration_is_a_good_one_and_keeps_mail_here() {
        let config = configuration(Path::new("/tmp/a \"folder\""), LISTEN).unwrap();
        assert_eq!(config.delivery.mode, config::DeliveryMode::Sandbox);
        assert_eq!((config.web.listen, config.data_dir.as_path()), (LISTEN, Path::new("/tmp/a \"folder\"")));
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(kept_folder(&folder.path().join("new/one")).is_ok());
        assert!(kept_folder(folder.path()).unwrap_err().contains("not empty"));
    }
}
