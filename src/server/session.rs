//! One session's socket loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::incoming::Incoming;
use super::listener::{Opening, Server};
use super::{Chunk, Machine, Step};
use crate::smtp::receiver::Receiver;
use crate::smtp::reply::Reply;

/// Octets read at once.
const READ: usize = 16 << 10;
/// A TLS handshake must end within this.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// A reply must be taken within this.
const WRITE_MAX: Duration = Duration::from_mins(1);
/// The rate of a message is looked at every so often.
const RATE_STEP: Duration = Duration::from_mins(1);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between the two.
    Gone,
}

impl Stream {
    fn as_read(&mut self) -> io::Result<&mut (dyn AsyncRead + Unpin + Send)> {
        match self {
            Self::Plain(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn as_write(&mut self) -> io::Result<&mut (dyn AsyncWrite + Unpin + Send)> {
        match self {
            Self::Plain(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// How fast a message comes.
struct Pace {
    since: Instant,
    octets: u64,
    stopping: Option<Instant>,
}

impl Pace {
    fn new(here: usize) -> Self {
        Self { since: Instant::now(), octets: here as u64, stopping: None }
    }
}

/// Whether the session goes on.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

pub(super) struct Session {
    stream: Stream,
    machine: Box<dyn Machine>,
    server: Arc<Server>,
    stop: CancellationToken,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The chunks of a message that is not whole yet.
    chunks: Option<Incoming>,
    /// A line that is too long is being thrown away.
    skipping: bool,
}

impl Session {
    pub(super) fn new(
        stream: TcpStream,
        machine: Box<dyn Machine>,
        server: Arc<Server>,
        stop: CancellationToken,
    ) -> Self {
        let (stream, input, output) = (Stream::Plain(stream), Vec::new(), Vec::new());
        Self { stream, machine, server, stop, input, output, chunks: None, skipping: false }
    }

    pub(super) async fn run(mut self, opening: Opening) -> io::Result<()> {
        if opening == Opening::Tls && self.encrypt().await? == Flow::End {
            return Ok(());
        }
        self.machine.greet().write(&mut self.output);
        let idle = self.server.settings.idle_timeout;
        let mut heard = Instant::now();
        loop {
            // Replies to commands that came together go out together (RFC 2920 section 3.2).
            while let Some(step) = self.next_step() {
                if self.follow(step).await? == Flow::End {
                    return self.flush().await;
                }
                if !self.machine.in_chunks() {
                    self.chunks = None;
                }
                heard = Instant::now();
            }
            self.flush().await?;
            let stop = self.stop.clone();
            // A command has this long to come whole: who drips it is as silent as who says nothing.
            let read = tokio::select! {
                read = timeout_at(heard + idle, read_more(&mut self.stream, &mut self.input)) => read,
                () = stop.cancelled() => return self.say_goodbye("the relay is stopping; try again soon").await,
            };
            match read {
                Ok(read) => {
                    if read? == 0 {
                        return Ok(());
                    }
                }
                Err(_) => return self.say_goodbye("nothing was said for too long").await,
            }
        }
    }

    async fn say_goodbye(&mut self, why: &str) -> io::Result<()> {
        Reply::new(421, (4, 3, 2), why).write(&mut self.output);
        self.flush().await
    }

    /// What the machine makes of the next whole line.
    fn next_step(&mut self) -> Option<Step> {
        let end = memchr::memchr(b'\n', &self.input);
        let most = self.machine.line_max();
        let Some(end) = end else {
            if self.input.len() > most {
                self.input.clear();
                self.skipping = true;
            }
            return None;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        if std::mem::take(&mut self.skipping) || line.len() > most {
            return Some(self.machine.long_line());
        }
        match line.strip_suffix(b"\r\n") {
            Some(line) => Some(self.machine.line(line, Instant::now().into_std())),
            None => Some(self.machine.bare_line_feed()),
        }
    }

    async fn follow(&mut self, step: Step) -> io::Result<Flow> {
        match step {
            Step::Reply(reply) => reply.write(&mut self.output),
            Step::Slowly(pause, reply) => {
                tokio::time::sleep(pause).await;
                reply.write(&mut self.output);
            }
            Step::Close(reply) => {
                reply.write(&mut self.output);
                return Ok(Flow::End);
            }
            Step::StartTls(reply) => return self.start_tls(reply).await,
            Step::ReadMessage(reply, most) => {
                reply.write(&mut self.output);
                self.flush().await?;
                let Some(incoming) = self.read_message(most).await? else { return Ok(Flow::End) };
                self.conclude(incoming).await;
            }
            Step::ReadChunk(chunk) => return self.follow_chunk(chunk).await,
            Step::SkipChunk(size, reply) => {
                if !self.read_chunk(size, None, 0).await? {
                    return Ok(Flow::End);
                }
                reply.write(&mut self.output);
            }
        }
        Ok(Flow::On)
    }

    /// What came in the packet of STARTTLS was said by whoever sits between us and the client: the session ends.
    async fn start_tls(&mut self, reply: Reply) -> io::Result<Flow> {
        if !self.input.is_empty() {
            Reply::new(421, (4, 7, 0), "nothing may follow STARTTLS").write(&mut self.output);
            return Ok(Flow::End);
        }
        reply.write(&mut self.output);
        self.flush().await?;
        self.encrypt().await
    }

    async fn encrypt(&mut self) -> io::Result<Flow> {
        let Some(config) = self.server.tls.clone() else { return Ok(Flow::End) };
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else { return Ok(Flow::End) };
        let stream = timeout(HANDSHAKE_MAX, TlsAcceptor::from(config).accept(stream)).await??;
        let version = stream.get_ref().1.protocol_version().and_then(|v| v.as_str()).unwrap_or("TLS");
        self.machine.tls_started(&version.replace("TLSv1_", "TLSv1."));
        self.stream = Stream::Tls(Box::new(stream));
        Ok(Flow::On)
    }

    /// Reads up to the final dot, whatever becomes of the message. `None` when the client went or was too slow.
    async fn read_message(&mut self, most: u64) -> io::Result<Option<Incoming>> {
        let mut incoming = Incoming::new(Receiver::default(), &self.server);
        let mut pace = Pace::new(self.input.len());
        loop {
            let end = incoming.push(&self.input, most).await;
            self.input.drain(..end.unwrap_or(self.input.len()));
            if end.is_some() {
                return Ok(Some(incoming));
            }
            if !self.fill(&mut pace).await? {
                return Ok(None);
            }
        }
    }

    /// Reads the octets of a chunk; with `incoming` they are part of a message of at most `most`, else they are read for
    /// nothing. `false` when the client went or was too slow.
    async fn read_chunk(&mut self, size: u64, mut incoming: Option<&mut Incoming>, most: u64) -> io::Result<bool> {
        let mut left = size;
        let mut pace = Pace::new(self.input.len());
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.input.len());
            if let Some(incoming) = &mut incoming {
                incoming.push(self.input.get(..here).unwrap_or_default(), most).await;
            }
            self.input.drain(..here);
            left -= here as u64;
            if left == 0 {
                return Ok(true);
            }
            if !self.fill(&mut pace).await? {
                return Ok(false);
            }
        }
    }

    /// Reads more of a message. `false` when the client went, was too slow, or the relay stops.
    async fn fill(&mut self, pace: &mut Pace) -> io::Result<bool> {
        loop {
            if pace.since.elapsed() > RATE_STEP {
                if pace.octets < self.server.settings.min_rate * RATE_STEP.as_secs() {
                    self.say_goodbye("the message comes too slowly").await?;
                    return Ok(false);
                }
                (pace.since, pace.octets) = (Instant::now(), 0);
            }
            if pace.stopping.is_none() && self.stop.is_cancelled() {
                pace.stopping = Some(Instant::now());
            }
            if pace.stopping.is_some_and(|at| at.elapsed() > self.server.settings.grace) {
                self.say_goodbye("the relay is stopping; try again soon").await?;
                return Ok(false);
            }
            // Short enough that a stop and the rate are looked at while nothing comes.
            if let Ok(read) = timeout(Duration::from_secs(1), read_more(&mut self.stream, &mut self.input)).await {
                let count = read?;
                pace.octets += count as u64;
                return Ok(count > 0);
            }
        }
    }

    /// Hands a finished message on and says what became of it.
    async fn conclude(&mut self, incoming: Incoming) {
        let (received, held) = incoming.finish().await;
        let reply = self.machine.received(received).await;
        drop(held);
        reply.write(&mut self.output);
    }

    async fn follow_chunk(&mut self, chunk: Chunk) -> io::Result<Flow> {
        let before = self.chunks.take().filter(|_| !chunk.first);
        let mut incoming = before.unwrap_or_else(|| Incoming::new(Receiver::chunked(), &self.server));
        if !self.read_chunk(chunk.size, Some(&mut incoming), chunk.most).await? {
            return Ok(Flow::End);
        }
        if chunk.last {
            self.conclude(incoming).await;
        } else {
            let reply = self.machine.chunk(chunk.size, incoming.take_refusal());
            reply.write(&mut self.output);
            self.chunks = Some(incoming);
        }
        Ok(Flow::On)
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        let stream = self.stream.as_write()?;
        timeout(WRITE_MAX, async {
            stream.write_all(&output).await?;
            stream.flush().await
        })
        .await?
    }
}

async fn read_more(stream: &mut Stream, input: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; READ];
    let count = stream.as_read()?.read(&mut chunk).await?;
    input.extend(chunk.get(..count).unwrap_or_default());
    Ok(count)
}
