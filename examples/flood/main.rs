//! A source of mail with a login: it submits messages as fast as the relay takes them, and tells how that went.
//!
//! ```text
//! cargo run --release --example flood -- --server 127.0.0.1:2525 --user news --password … \
//!     --messages 10000 --sessions 20 --keep --campaign spring
//! ```

mod message;
mod report;
mod session;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use message::{Recipients, Template};
use report::Report;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use session::Session;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// Submits messages as fast as the server takes them.
#[derive(Parser)]
#[command(name = "flood")]
struct Arguments {
    /// The server, as HOST:PORT
    #[arg(long, default_value = "127.0.0.1:2525", value_name = "ADDR")]
    server: String,
    /// The user name for AUTH PLAIN; without it no login is tried
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The password for AUTH PLAIN
    #[arg(long, default_value = "")]
    password: String,
    /// Use STARTTLS and trust this certificate (a PEM file), which has to name the server's address
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// How many messages to send
    #[arg(long, default_value_t = 1000, value_name = "N")]
    messages: u64,
    /// How many sessions send at the same time
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    sessions: u64,
    /// How many recipients each message has
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    recipients_per_message: u64,
    /// The sender, in the envelope and in From
    #[arg(long, default_value = "news@sender.example", value_name = "ADDR")]
    from: String,
    /// The domain of the recipients
    #[arg(long, default_value = "sink.example", value_name = "DOMAIN")]
    to_domain: String,
    /// The local part of the recipients; {n} is their number, six digits or more
    #[arg(long, default_value = "ok-{n}", value_name = "PATTERN")]
    local_part: String,
    /// Recipients from a file, one address a line, again from the top when they are used up
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to_domain", "local_part"])]
    to: Option<PathBuf>,
    /// The size of each message, a newsletter with twelve links, in bytes
    #[arg(long, default_value_t = 10_240, value_name = "BYTES")]
    size: usize,
    /// Send this message instead; its Message-ID is replaced
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    eml: Option<PathBuf>,
    /// The campaign, as X-Postrider-Campaign
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,
    /// Keep the connections; otherwise each message has its own
    #[arg(long)]
    keep: bool,
    /// Send no faster than this, as N/s
    #[arg(long, value_name = "N/s", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.trim_end_matches("/s").parse::<f64>().map_err(|_| "a number, as in 200/s")?;
    if rate > 0.0 { Ok(rate) } else { Err("more than 0, as in 200/s".into()) }
}

/// What every session reads.
struct Flood {
    arguments: Arguments,
    template: Template,
    recipients: Recipients,
    tls: Option<TlsConnector>,
    began: Instant,
    next: AtomicU64,
}

impl Flood {
    fn new(arguments: Arguments) -> io::Result<Self> {
        let campaign = arguments.campaign.as_deref();
        let template = match &arguments.eml {
            Some(path) => Template::from_message(&read(path)?, campaign),
            None => Template::newsletter(&arguments.from, arguments.size, campaign),
        };
        let recipients = match &arguments.to {
            Some(path) => Recipients::listed(&String::from_utf8_lossy(&read(path)?))
                .ok_or_else(|| io::Error::other(format!("{} has no address", path.display())))?,
            None => Recipients::Pattern(format!("{}@{}", arguments.local_part, arguments.to_domain)),
        };
        let tls = arguments.trust.as_deref().map(trusting).transpose()?;
        Ok(Self { arguments, template, recipients, tls, began: Instant::now(), next: AtomicU64::new(0) })
    }

    /// The number of a message that nobody sends yet, once its time has come.
    async fn claim(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.arguments.messages {
            return None;
        }
        if let Some(rate) = self.arguments.rate {
            #[expect(clippy::cast_precision_loss, reason = "nobody floods 2^52 messages")]
            let due = Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep_until(self.began + due).await;
        }
        Some(number)
    }

    /// Sends messages until none is left.
    async fn run_session(&self) -> Report {
        let mut report = Report::default();
        let mut kept = None;
        while let Some(number) = self.claim().await {
            let begins = Instant::now();
            match self.send(number, &mut kept, &mut report).await {
                Ok(taken) => report.answered(taken, begins.elapsed()),
                Err(error) => {
                    report.not_250("connection", &error.to_string());
                    kept = None;
                }
            }
        }
        if let Some(session) = kept {
            session.quit().await;
        }
        report
    }

    /// How many recipients were taken with the message.
    async fn send(&self, number: u64, kept: &mut Option<Session>, report: &mut Report) -> io::Result<u64> {
        let mut session = match kept.take() {
            Some(session) => session,
            None => self.connect().await?,
        };
        let per_message = self.arguments.recipients_per_message;
        let recipients: Vec<_> =
            (number * per_message..(number + 1) * per_message).map(|n| self.recipients.get(n)).collect();
        let bytes = self.template.stamp(number, &recipients);
        report.bytes += bytes.len() as u64;
        let taken = session.send(&self.arguments.from, &recipients, &bytes, report).await?;
        if self.arguments.keep {
            *kept = Some(session);
        } else {
            session.quit().await;
        }
        Ok(taken)
    }

    async fn connect(&self) -> io::Result<Session> {
        let mut session = Session::connect(&self.arguments.server, self.tls.as_ref()).await?;
        if let Some(user) = &self.arguments.user {
            session.login(user, &self.arguments.password).await?;
        }
        Ok(session)
    }
}

/// A new session each time: what a client that connects for each message does.
fn trusting(path: &Path) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(&read(path)?).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[tokio::main]
async fn main() -> io::Result<ExitCode> {
    let flood = Arc::new(Flood::new(Arguments::parse())?);
    let mut sessions = JoinSet::new();
    for _ in 0..flood.arguments.sessions {
        let flood = Arc::clone(&flood);
        sessions.spawn(async move { flood.run_session().await });
    }
    let mut report = Report::default();
    while let Some(ended) = sessions.join_next().await {
        report.merge(ended.map_err(io::Error::other)?);
    }
    let summary = report.summary(flood.arguments.messages, flood.began.elapsed());
    let mut out = io::stdout();
    if flood.arguments.json {
        writeln!(out, "{}", summary.json())?;
    } else {
        write!(out, "{summary}")?;
    }
    Ok(if summary.all_taken() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
