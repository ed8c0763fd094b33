//! One connection's bytes, between a server that may say anything and the SMTP client that is too strict to hear it.
//!
//! The client (`lettre`) gets each complete reply as one plain line; the reply itself is read from the raw lines by
//! `replies`. What is written is gathered and goes out before the next read. Every wait has an end.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep};
use tokio_rustls::client::TlsStream;

use super::failure::Trouble;
use super::replies::{Heard, ReplyReader};

/// What a server may still say after QUIT, in reads of 4 KiB.
const FAREWELL_READS_MAX: u32 = 16;
/// Octets gathered before they are written.
const OUTBOX_MAX: usize = 64 * 1024;
/// How long a server that stopped reading is listened to: it may have said why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long one step may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Until what was gathered, some 64 KiB at most, is taken by the network.
    pub(super) write: Duration,
    /// Until the reply is complete, from the end of writing.
    pub(super) read: Duration,
}

/// The socket, plain or encrypted.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    /// Taken out for a handshake.
    Gone,
}

/// A handle on the connection; one is inside the client, another steers.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Line>>);

struct Line {
    io: Io,
    reader: ReplyReader,
    /// Replies, and when each was complete.
    heard: VecDeque<(Heard, Instant)>,
    /// The line for the client.
    spoken: Vec<u8>,
    outbox: Vec<u8>,
    written: usize,
    pace: Pace,
    due: Instant,
    sleep: Pin<Box<Sleep>>,
    trouble: Option<Trouble>,
    manner: Manner,
}

/// What is special about the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Until the session stands: after a refusal the client hears nothing more, so that its QUIT waits for no answer.
    Opening {
        /// What is said where the client says EHLO.
        hello: &'static str,
    },
    /// Hung up after a refusal.
    Refused,
    /// Commands and replies.
    Talking,
    /// The message goes out; what the server says now is out of turn.
    Message,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Over a connected socket. The greeting has `pace.read` from now on; `hello` is the first command's verb.
    pub(super) fn new(io: Io, pace: Pace, hello: &'static str) -> Self {
        let due = Instant::now() + pace.read;
        Self(Arc::new(Mutex::new(Line {
            io,
            reader: ReplyReader::default(),
            heard: VecDeque::new(),
            spoken: Vec::new(),
            outbox: Vec::new(),
            written: 0,
            pace,
            due,
            sleep: Box::pin(tokio::time::sleep_until(due)),
            trouble: None,
            manner: Manner::Opening { hello },
        })))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on refusals are ordinary replies.
    pub(super) fn opened(&self) {
        self.line().manner = Manner::Talking;
    }

    /// Begins a step: what is written and read from here on has this pace. False when the server has said something
    /// that was not asked for, so that the next reply could not be told from it.
    pub(super) fn begin(&self, pace: Pace) -> bool {
        let mut line = self.line();
        line.pace = pace;
        line.due = Instant::now() + pace.read;
        line.reader.is_empty() && line.spoken.is_empty() && line.heard.is_empty()
    }

    /// Begins to write the message, or ends it.
    pub(super) fn message(&self, writing: bool) {
        self.line().manner = if writing { Manner::Message } else { Manner::Talking };
    }

    /// The oldest reply not yet taken, and when it was complete.
    pub(super) fn take_reply(&self) -> Option<(Heard, Instant)> {
        self.line().heard.pop_front()
    }

    /// What the server says after something failed, or before it was asked: it may tell why it goes. Nothing more is
    /// written over this connection.
    pub(super) async fn last_words(&self) -> Option<(Heard, Instant)> {
        {
            let mut line = self.line();
            line.outbox.clear();
            line.written = 0;
            line.due = Instant::now() + LAST_WORDS;
        }
        let _ = std::future::poll_fn(|cx| self.line().poll_reply(cx)).await;
        self.line().heard.pop_front()
    }

    /// The lines of a reply that never was complete.
    pub(super) fn take_fragment(&self) -> Vec<Vec<u8>> {
        self.line().reader.take_fragment()
    }

    /// What went wrong first.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.line().trouble.clone()
    }

    /// Takes the socket out for a handshake; `None` when there is none to encrypt, or when bytes came after the reply to
    /// STARTTLS: they were sent in plain and would be taken for the server's encrypted words (RFC 3207 section 6).
    pub(super) fn take_plain(&self) -> Option<TcpStream> {
        let mut line = self.line();
        if !line.reader.is_empty() || !line.spoken.is_empty() {
            return None;
        }
        match std::mem::replace(&mut line.io, Io::Gone) {
            Io::Plain(socket) => Some(socket),
            Io::Tls(_) | Io::Unix(_) | Io::Gone => None,
        }
    }

    /// Puts the encrypted socket in.
    pub(super) fn put_tls(&self, socket: Box<TlsStream<TcpStream>>) {
        self.line().io = Io::Tls(socket);
    }

    /// Whether the connection is still open and silent.
    pub(super) async fn is_quiet(&self) -> bool {
        std::future::poll_fn(|cx| {
            let mut line = self.line();
            let silent = line.reader.is_empty() && line.trouble.is_none() && line.poll_fill(cx).is_pending();
            Poll::Ready(silent)
        })
        .await
    }

    /// Until the other side has closed the connection, or will not stop talking.
    pub(super) async fn closed(&self) {
        let mut left = FAREWELL_READS_MAX;
        std::future::poll_fn(|cx| {
            while left > 0 {
                if ready!(self.line().poll_fill(cx)).is_err() {
                    return Poll::Ready(());
                }
                left -= 1;
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Line {
    /// Takes in what is there; an end of the stream is an error.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0_u8; 4096];
        let mut buf = ReadBuf::new(&mut bytes);
        match &mut self.io {
            Io::Plain(socket) => ready!(Pin::new(socket).poll_read(cx, &mut buf))?,
            Io::Tls(socket) => ready!(Pin::new(socket).poll_read(cx, &mut buf))?,
            Io::Unix(socket) => ready!(Pin::new(socket).poll_read(cx, &mut buf))?,
            Io::Gone => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
        if buf.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.reader.push(buf.filled());
        Poll::Ready(Ok(()))
    }

    /// Pending until the step's time is over.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.sleep.deadline() != self.due {
            self.sleep.as_mut().reset(self.due);
        }
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Writes the outbox; the time for the reply runs from its end.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.outbox.len() {
            if self.manner == Manner::Message
                && let Poll::Ready(filled) = self.poll_fill(cx)
            {
                return Poll::Ready(filled.and(Err(invalid("it spoke before the message had ended"))));
            }
            let rest = self.outbox.get(self.written..).unwrap_or_default();
            let wrote = match &mut self.io {
                Io::Plain(socket) => Pin::new(socket).poll_write(cx, rest),
                Io::Tls(socket) => Pin::new(socket).poll_write(cx, rest),
                Io::Unix(socket) => Pin::new(socket).poll_write(cx, rest),
                Io::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            };
            match wrote {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => self.written += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_due(cx).map(Err),
            }
        }
        if let Io::Tls(socket) = &mut self.io {
            match Pin::new(socket).poll_flush(cx) {
                Poll::Ready(done) => done?,
                Poll::Pending => return self.poll_due(cx).map(Err),
            }
        }
        // Given back rather than kept: an idle session should be small.
        self.outbox = Vec::new();
        self.written = 0;
        self.due = Instant::now() + self.pace.read;
        Poll::Ready(Ok(()))
    }

    /// Writes what is to be written, then waits for a complete reply or the end.
    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        loop {
            if let Some(heard) = self.reader.next().map_err(invalid)? {
                self.spoken = plain_line(heard.reply.code);
                self.heard.push_back((heard, Instant::now()));
                return Poll::Ready(Ok(()));
            }
            match self.poll_fill(cx) {
                Poll::Ready(filled) => filled?,
                Poll::Pending => return self.poll_due(cx).map(Err),
            }
        }
    }

    fn note(&mut self, error: &io::Error) {
        self.trouble.get_or_insert_with(|| Trouble::from(error));
    }
}

/// The reply as the client understands it: it knows second digits up to 5 only.
fn plain_line(code: u16) -> Vec<u8> {
    format!("{}{}{} ok\r\n", code / 100, (code / 10 % 10).min(5), code % 10).into_bytes()
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.line();
        if line.spoken.is_empty() {
            if line.manner == Manner::Refused {
                // The client's QUIT goes out when the network takes it at once, and nobody waits.
                let _ = line.poll_drain(cx);
                return Poll::Ready(Ok(()));
            }
            if let Err(error) = ready!(line.poll_reply(cx)) {
                line.note(&error);
                return Poll::Ready(Err(error));
            }
            let refused = line.spoken.first() != Some(&b'2');
            if refused && matches!(line.manner, Manner::Opening { .. }) {
                line.manner = Manner::Refused;
            }
        }
        let n = line.spoken.len().min(buf.remaining());
        let rest = line.spoken.split_off(n);
        buf.put_slice(&line.spoken);
        line.spoken = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut line = self.line();
        if line.outbox.len() >= OUTBOX_MAX
            && let Err(error) = ready!(line.poll_drain(cx))
        {
            line.note(&error);
            return Poll::Ready(Err(error));
        }
        if line.outbox.is_empty() {
            line.due = Instant::now() + line.pace.write;
        }
        match (line.manner, bytes.strip_prefix(b"EHLO")) {
            (Manner::Opening { hello }, Some(rest)) => {
                line.outbox.extend_from_slice(hello.as_bytes());
                line.outbox.extend_from_slice(rest);
            }
            _ => line.outbox.extend_from_slice(bytes),
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// Nothing: what is gathered goes out before the next read.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.line().io {
            Io::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        // The client never asks, and a socket has none.
        Err(io::ErrorKind::Unsupported.into())
    }
}
