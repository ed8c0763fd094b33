//! A receiving SMTP server for trials: it takes mails as fast as it can and answers by the recipient's local part.
//!
//! ```text
//! cargo run --release --example sink -- --listen 127.0.0.1:2526 --dir received
//! ```
//! The word before the first `-` of the local part (or all of it) chooses the answer; any other word is taken.
//! Without `--dir` mails are counted and thrown away.

#[expect(dead_code, reason = "the tests use more of this module than the program does")]
#[path = "../tests/relay/harness/sink/mod.rs"]
mod sink;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Parser;
use sink::{Keep, Settings, Sink};
use tokio::signal::unix::{SignalKind, signal};

const ANSWERS: &str = "\
Answers by the recipient's local part, as in tempfail-ann@example.org:
  ok         taken, like every word that is not in this list
  tempfail   451 4.7.1 each time
  permfail   550 5.1.1 user unknown
  blocklist  550 5.7.1 listed at a blocklist
  markup     550 with markup and control characters
  full       452 4.2.2 mailbox full
  overquota  552 5.2.2 mailbox full
  greylist   451 4.7.1 the first time for a sender and a recipient, taken afterwards
  twice      451 4.7.1 two times, taken afterwards
  f571       exactly this code to RCPT (400 to 599)
  hang       RCPT is never answered
  drop       the connection is closed in the middle of DATA
  lost       taken, and the connection closed before the 250, the first time only
  slow5      the 250 comes five seconds after DATA
  spam       554 5.7.1 after DATA";

/// A receiving SMTP server for trials.
#[derive(Parser)]
#[command(name = "sink", after_help = ANSWERS)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Arguments {
    /// Where to listen; port 0 takes a free one. The bound address is the first line on standard output
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: String,
    /// The name in the greeting
    #[arg(long, default_value = "sink.example", value_name = "NAME")]
    hostname: String,
    /// Write each mail into this folder as NNNNNN.eml and NNNNNN.json
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Do not offer 8BITMIME
    #[arg(long)]
    no_8bitmime: bool,
    /// Do not offer SMTPUTF8
    #[arg(long)]
    no_smtputf8: bool,
    /// Offer DSN
    #[arg(long)]
    dsn: bool,
    /// Do not offer PIPELINING
    #[arg(long)]
    no_pipelining: bool,
    /// Offer STARTTLS with this certificate chain and key (PEM files)
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    /// Ask for this login
    #[arg(long, value_name = "USER:PASSWORD")]
    login: Option<String>,
    /// Turn further sessions away with 421
    #[arg(long, value_name = "N")]
    sessions_max: Option<u64>,
    /// Print what was counted at the end (SIGTERM or SIGINT)
    #[arg(long)]
    stats: bool,
}

impl Arguments {
    fn into_settings(self) -> io::Result<Settings> {
        let keep = match self.dir {
            Some(folder) => {
                std::fs::create_dir_all(&folder)?;
                Keep::Folder(folder)
            }
            None => Keep::Count,
        };
        let tls = match self.tls.as_deref() {
            Some([cert, key]) => Some(sink::tls_from_files(cert, key)?),
            Some(_) | None => None,
        };
        Ok(Settings {
            listen: self.listen,
            hostname: self.hostname,
            keep,
            eight_bit: !self.no_8bitmime,
            utf8: !self.no_smtputf8,
            pipelining: !self.no_pipelining,
            dsn: self.dsn,
            tls,
            sessions_max: self.sessions_max,
            login: self.login.and_then(|pair| pair.split_once(':').map(|(u, p)| (u.to_owned(), p.to_owned()))),
        })
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let stats = arguments.stats;
    let mut terminate = signal(SignalKind::terminate())?;
    let sink = Sink::with(arguments.into_settings()?).await?;
    let mut out = io::stdout();
    writeln!(out, "{}", sink.address())?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    if stats {
        let tally = sink.tally();
        writeln!(
            out,
            "mails={} recipients={} refused={} sessions={} sessions_open_max={}",
            tally.mails, tally.recipients, tally.refused, tally.sessions, tally.sessions_open_max
        )?;
    }
    Ok(())
}
