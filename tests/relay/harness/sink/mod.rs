//! A receiving SMTP server whose answers are chosen by the recipient's local part.
//!
//! It is the other side of every trial: the relay under test delivers to it, and it tells what it got. What it answers
//! is in `answer`, how it speaks in `session`, where mails go in `keep`. `script` is the server for odd replies. The
//! example program `sink` is this module with a command line.

mod answer;
mod keep;
mod parse;
mod script;
mod session;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use keep::{Keep, Received};
pub use script::{Script, Step};

/// How a sink speaks.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one keyword of EHLO")]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: String,
    /// The name in its greeting and its EHLO reply.
    pub hostname: String,
    /// What happens to the mails.
    pub keep: Keep,
    /// Whether EHLO offers 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// Whether EHLO offers SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// Whether EHLO offers PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// Whether EHLO offers DSN (RFC 3461).
    pub dsn: bool,
    /// Certificate and key for STARTTLS; none: not offered.
    pub tls: Option<TlsAcceptor>,
    /// User name and password that MAIL asks for; none: no AUTH is offered.
    pub login: Option<(String, String)>,
    /// A further session is turned away with 421.
    pub sessions_max: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            hostname: "sink.example".into(),
            keep: Keep::Memory,
            eight_bit: true,
            utf8: true,
            pipelining: true,
            dsn: false,
            tls: None,
            login: None,
            sessions_max: None,
        }
    }
}

/// The acceptor for a certificate chain and a key, both PEM files.
pub fn tls_from_files(cert: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| io::Error::other(format!("{}: {error}", cert.display())))?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| io::Error::other(format!("{}: {error}", key.display())))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a sink has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Mails taken, those whose 250 was withheld on purpose among them.
    pub mails: u64,
    /// Recipients of those mails.
    pub recipients: u64,
    /// RCPT and DATA replies of 4xx and 5xx.
    pub refused: u64,
    /// Sessions turned away because too many were open.
    pub turned_away: u64,
    /// Connections taken.
    pub sessions: u64,
    /// The most connections open at one time.
    pub sessions_open_max: u64,
}

/// One line of a conversation, as the sink read or wrote it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The connection, from 1.
    pub session: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Whether the client said it.
    pub from_client: bool,
    /// The line without its end.
    pub text: String,
}

/// What all connections of one sink share.
struct Shared {
    settings: Settings,
    tally: Mutex<Tally>,
    open: AtomicU64,
    mails: Mutex<Vec<Received>>,
    lines: Mutex<Vec<Line>>,
    seen: Mutex<HashMap<(String, String), u32>>,
    taken: watch::Sender<u64>,
}

impl Shared {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            tally: Mutex::default(),
            open: AtomicU64::new(0),
            mails: Mutex::default(),
            lines: Mutex::default(),
            seen: Mutex::default(),
            taken: watch::Sender::new(0),
        }
    }

    /// A new connection; its number, from 1.
    fn session_begins(&self) -> u64 {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        let mut tally = lock(&self.tally);
        tally.sessions += 1;
        tally.sessions_open_max = tally.sessions_open_max.max(open);
        tally.sessions
    }

    /// Whether another session is one too many.
    fn is_crowded(&self) -> bool {
        let crowded = self.settings.sessions_max.is_some_and(|most| self.open.load(Ordering::SeqCst) > most);
        lock(&self.tally).turned_away += u64::from(crowded);
        crowded
    }

    fn session_ends(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// How often this pair was asked about before.
    fn times_seen(&self, sender: &str, recipient: &str) -> u32 {
        let mut seen = lock(&self.seen);
        let times = seen.entry((sender.to_owned(), recipient.to_owned())).or_default();
        *times += 1;
        *times - 1
    }
}

/// A lock that a panicking thread does not take from the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A running sink; its connections end when it is dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Sink {
    /// A sink on a free port of 127.0.0.1 that keeps its mails in memory.
    pub async fn start() -> io::Result<Self> {
        Self::with(Settings::default()).await
    }

    /// A sink with settings of one's own.
    pub async fn with(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(&settings.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings));
        let mut tasks = JoinSet::new();
        tasks.spawn(session::listen(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// A server that says and reads exactly `steps` on each connection.
    pub async fn scripted(steps: Vec<Step>) -> io::Result<Script> {
        Script::start("127.0.0.1:0", steps).await
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it has counted so far.
    pub fn tally(&self) -> Tally {
        *lock(&self.shared.tally)
    }

    /// The mails taken so far, oldest first; empty unless they are kept in memory.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.mails).clone()
    }

    /// The mails taken for one recipient, oldest first.
    pub fn received_by(&self, recipient: &str) -> Vec<Received> {
        self.received().into_iter().filter(|mail| mail.rcpt_to.iter().any(|to| to == recipient)).collect()
    }

    /// Every line of every conversation so far; empty unless mails are kept in memory.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.shared.lines).clone()
    }

    /// The commands of clients that begin with `start`, in any case of letters.
    pub fn commands(&self, start: &str) -> Vec<Line> {
        let begins = |line: &Line| line.text.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start));
        self.lines().into_iter().filter(|line| line.from_client && begins(line)).collect()
    }

    /// Waits until mails for `count` recipients were taken, and gives them all; an error after 30 s.
    pub async fn wait_for(&self, count: u64) -> io::Result<Vec<Received>> {
        let mut taken = self.shared.taken.subscribe();
        let reached = taken.wait_for(|so_far| *so_far >= count);
        match tokio::time::timeout(Duration::from_secs(30), reached).await {
            Ok(_) => Ok(self.received()),
            Err(_) => Err(io::Error::other(format!("{} of {count} copies came in 30 s", self.tally().recipients))),
        }
    }
}
