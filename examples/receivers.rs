//! Many receiving sites on loopback, and the DNS that leads to them: each site is a sink on an address of its own, 127.0.2.1
//! and on, all on one port; each domain has one of them as its mail exchanger.
//!
//! ```text
//! cargo run --release --example receivers -- --sites 50 --domains 500 --list taken.txt
//! ```
//! The first line on standard output is the DNS server's address and the port. At the end (SIGTERM) there is a line for each
//! site: its sessions, the most at one time, and how many were turned away. What the sinks answer is told by `sink --help`.

#[expect(dead_code, reason = "the tests use more of this module than the program does")]
#[path = "../tests/relay/harness/sink/mod.rs"]
mod sink;
#[expect(dead_code, clippy::unwrap_used, clippy::panic, reason = "made for tests, which use more of it")]
#[path = "../tests/relay/harness/zone.rs"]
mod zone;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Parser;
use sink::{Keep, Settings, Sink};
use tokio::signal::unix::{SignalKind, signal};
use zone::Zone;

/// Many receiving sites on loopback, and the DNS that leads to them.
#[derive(Parser)]
#[command(name = "receivers")]
struct Arguments {
    /// How many sites
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=250))]
    sites: u8,
    /// How many domains, d0.example and on
    #[arg(long, default_value_t = 500, value_name = "N")]
    domains: u32,
    /// Write each recipient of a mail that was taken into this file
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Turn further sessions of a site away with 421
    #[arg(long, value_name = "N")]
    sessions_max: Option<u64>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let list = Arc::new(Mutex::new(File::create(&arguments.list)?));
    let (mut sinks, mut port, mut zone): (Vec<Sink>, u16, Zone) = (Vec::new(), 0, Zone::new());
    for site in 0..arguments.sites {
        let (listen, keep) = (format!("127.0.2.{}:{port}", site + 1), Keep::List(Arc::clone(&list)));
        let sink =
            Sink::with(Settings { listen, keep, sessions_max: arguments.sessions_max, ..Settings::default() }).await?;
        port = sink.address().port();
        zone = zone.a(&format!("mx{site}.example"), &format!("127.0.2.{}", site + 1));
        sinks.push(sink);
    }
    for n in 0..arguments.domains {
        zone = zone.mx(&format!("d{n}.example"), 10, &format!("mx{}.example", n % u32::from(arguments.sites)));
    }
    let dns = zone.start().await;
    let mut out = io::stdout();
    writeln!(out, "{} {port}", dns.address())?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    for (site, sink) in sinks.iter().enumerate() {
        let tally = sink.tally();
        let (sessions, most, away) = (tally.sessions, tally.sessions_open_max, tally.turned_away);
        writeln!(out, "mx{site}.example sessions={sessions} open_max={most} turned_away={away} mails={}", tally.mails)?;
    }
    Ok(())
}
