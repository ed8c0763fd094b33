//! The SMTP socket loop: sockets, TLS, limits, time-outs. What is said is decided by a pure [`Machine`] given to it.
//!
//! May import `smtp`, `domain` and `clock`.

mod body;
mod incoming;
mod listener;
mod session;
pub mod tls;
pub mod validity;

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

pub use body::Budget;
pub use listener::{Opening, Server, listen};

use crate::smtp::receiver::Fault;
use crate::smtp::reply::Reply;

/// What the loop does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Say this and go on.
    Reply(Reply),
    /// Say this after a pause, and go on.
    Slowly(Duration, Reply),
    /// Say this and close.
    Close(Reply),
    /// Say this and begin TLS.
    StartTls(Reply),
    /// Say this and read a message of at most so many octets.
    ReadMessage(Reply, u64),
    /// Read the octets of a chunk (RFC 3030), then go on as [`Machine::chunk`] says.
    ReadChunk(Chunk),
    /// Read this many octets of a chunk that is of no use, then say this.
    SkipChunk(u64, Reply),
}

/// A chunk that follows its command at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its octets; they are read whatever becomes of them.
    pub size: u64,
    /// Whether it begins a message.
    pub first: bool,
    /// Whether it ends one.
    pub last: bool,
    /// The most octets a message may have.
    pub most: u64,
}

/// A message as it was read.
#[derive(Debug)]
pub enum Received {
    /// Whole.
    Message {
        /// Its bytes, lines ended by CRLF.
        bytes: Vec<u8>,
        /// Whether an octet above 127 was seen.
        eight_bit: bool,
    },
    /// Larger than allowed; the rest was read and thrown away.
    TooLarge,
    /// It holds what no message may.
    Spoiled(Fault),
    /// There is no memory and no disk for it now.
    NoRoom,
}

/// A reply that takes its time.
pub type Pending = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Decides what is said. Pure: bytes and times come in, steps go out.
pub trait Machine: Send {
    /// The first words.
    fn greet(&mut self) -> Reply;
    /// A line without its CRLF.
    fn line(&mut self, line: &[u8], now: Instant) -> Step;
    /// A line that was longer than [`Machine::line_max`].
    fn long_line(&mut self) -> Step;
    /// A line that ended in LF alone (RFC 5321 section 2.3.8).
    fn bare_line_feed(&mut self) -> Step;
    /// How long a line may be now, in octets.
    fn line_max(&self) -> usize;
    /// TLS has begun; everything said before is forgotten (RFC 3207 section 4.2).
    fn tls_started(&mut self, version: &str);
    /// The message that was asked for.
    fn received(&mut self, received: Received) -> Pending;
    /// A chunk that is not the last one was read; `spoilt` says that its message cannot be taken any more.
    fn chunk(&mut self, size: u64, spoilt: Option<Received>) -> Reply;
    /// Whether the chunks read so far are still of use.
    fn in_chunks(&self) -> bool;
}

/// The loop's limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Sessions at once.
    pub max_connections: usize,
    /// Sessions at once from one address.
    pub max_connections_per_address: usize,
    /// A session that says nothing for this long is closed (RFC 5321 section 4.5.3.2.7).
    pub idle_timeout: Duration,
    /// A message comes at least this fast, in octets a second, averaged over a minute.
    pub min_rate: u64,
    /// How long a session that is in a message may go on when the relay stops.
    pub grace: Duration,
    /// Where messages go that find no room in memory.
    pub spool_dir: PathBuf,
}

/// Makes a machine for a client.
pub type NewMachine = std::sync::Arc<dyn Fn(IpAddr) -> Box<dyn Machine> + Send + Sync>;
