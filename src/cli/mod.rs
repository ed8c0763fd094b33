//! The commands. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.

mod accounts;
mod arguments;
mod bar;
mod complaint;
mod facts;
mod ledger;
mod queue;
mod reclassify;
mod suppression;
mod way;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::app;
use crate::config::{self, Complaint, Config, DeliveryMode};
use crate::demo;
use arguments::{Arguments, Command};

/// Wrong usage or configuration.
const WRONG: u8 = 2;

/// Something that failed, in words for the terminal.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// It was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// It was asked wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: WRONG }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error.to_string())
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let matches = facts::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("postrider: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = || load(arguments.config.as_deref());
    let usable = || config().map_err(|complaints| unusable(&complaints));
    match &arguments.command {
        Command::Serve => app::serve(usable()?, arguments.config.as_deref()).map_err(Failure::failed),
        Command::Demo { keep, listen, small } => demo(arguments, keep.clone(), *listen, *small),
        Command::Credential { command } => accounts::credential(&usable()?, command),
        Command::User { command } => accounts::user(&usable()?, command),
        Command::Domain { command } => accounts::domain(&usable()?, command),
        Command::Suppression { command } => suppression::suppression(&usable()?, command),
        Command::Queue { site, command } => queue::queue(&usable()?, site.as_deref(), command.as_ref()),
        Command::Complaint { files } => complaint::complaint(&usable()?, files),
        Command::Reclassify(what) => reclassify::reclassify(&usable()?, what),
        Command::Verify => ledger::verify(&usable()?),
        Command::Rebuild => accounts::rebuild(&usable()?),
        Command::Export(range) => ledger::export(&usable()?, range),
        Command::Backup { file } => ledger::backup(&usable()?, file),
        Command::CheckConfig => check_config(config()),
        Command::Completions { shell } => {
            facts::completions(*shell);
            Ok(())
        }
        Command::Man { folder } => facts::manual(folder.as_deref()),
    }
}

fn demo(arguments: &Arguments, keep: Option<PathBuf>, listen: Option<SocketAddr>, small: bool) -> Result<(), Failure> {
    if arguments.config.is_some() {
        return Err(Failure::usage("demo has a configuration of its own; leave --config out"));
    }
    demo::run(&demo::Options { keep, listen, small }).map_err(Failure::failed)
}

fn load(file: Option<&Path>) -> Result<Config, Vec<Complaint>> {
    config::load(file).map(|(config, _)| config)
}

fn unusable(complaints: &[Complaint]) -> Failure {
    let lines: Vec<_> = complaints.iter().map(|complaint| format!("  {complaint}")).collect();
    let message = format!("the configuration cannot be used:\n{}", lines.join("\n"));
    Failure { message, code: WRONG }
}

fn check_config(config: Result<Config, Vec<Complaint>>) -> Result<(), Failure> {
    let config = config.map_err(|complaints| unusable(&complaints))?;
    let routes = match (config.delivery.routes.len(), config.delivery.mode) {
        (0, _) => String::new(),
        (_, DeliveryMode::Sandbox) => ", delivery.routes are unused in the sandbox".to_owned(),
        (1, _) => ", but for 1 domain that has a route".to_owned(),
        (routes, _) => format!(", but for {routes} domains that have routes"),
    };
    say(&format!(
        "the configuration is good; mail goes by {:?}{routes}, data in {}",
        config.delivery.mode,
        config.data_dir.display()
    ));
    Ok(())
}

/// A line on standard output; a reader that went away is no failure of ours.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
