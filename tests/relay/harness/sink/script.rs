//! A server that follows a script instead of the protocol, for replies no decent server would give.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::lock;

/// One thing the server does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these bytes; line ends are the caller's.
    Say(Vec<u8>),
    /// Reads one line.
    Line,
    /// Reads up to the end of a message, CRLF.CRLF.
    Message,
    /// Does nothing for a while.
    Pause(Duration),
    /// Writes these bytes again and again until the client goes.
    Endless(Vec<u8>),
    /// Reads and says nothing until the client goes.
    Silence,
    /// Answers the rest of the conversation as a plain server that takes everything.
    Obey,
}

impl Step {
    /// A reply line; CRLF is added.
    pub fn reply(text: &str) -> Self {
        Self::Say(format!("{text}\r\n").into_bytes())
    }
}

/// A running script; each connection begins it anew, and is closed at its end.
pub struct Script {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Script {
    /// Listens and follows `steps` on each connection.
    pub async fn start(listen: &str, steps: Vec<Step>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(listen_to_all(listener, steps.into(), Arc::clone(&heard)));
        Ok(Self { address, heard, _tasks: tasks })
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the clients said, one entry for each connection that ended.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        lock(&self.heard).clone()
    }
}

async fn listen_to_all(listener: TcpListener, steps: Arc<[Step]>, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (steps, heard) = (Arc::clone(&steps), Arc::clone(&heard));
        connections.spawn(async move {
            let mut actor = Actor { stream, input: Vec::new(), used: 0 };
            for step in steps.iter() {
                if actor.take(step).await.is_err() {
                    break;
                }
            }
            lock(&heard).push(actor.input);
        });
    }
}

struct Actor {
    stream: TcpStream,
    /// All that was read; what stands before `used` has had its step.
    input: Vec<u8>,
    used: usize,
}

impl Actor {
    async fn take(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Say(bytes) => self.stream.write_all(bytes).await,
            Step::Line => self.until(b"\n").await.map(drop),
            Step::Message => self.until(b"\r\n.\r\n").await.map(drop),
            Step::Pause(pause) => {
                tokio::time::sleep(*pause).await;
                Ok(())
            }
            Step::Endless(bytes) => loop {
                self.stream.write_all(bytes).await?;
            },
            Step::Silence => loop {
                self.fill().await?;
            },
            Step::Obey => self.obey().await,
        }
    }

    async fn obey(&mut self) -> io::Result<()> {
        loop {
            let line = self.until(b"\n").await?.to_ascii_uppercase();
            let reply = if line.starts_with(b"DATA") {
                self.stream.write_all(b"354 Go ahead\r\n").await?;
                self.until(b"\r\n.\r\n").await?;
                "250 2.0.0 Ok\r\n"
            } else if line.starts_with(b"QUIT") {
                "221 2.0.0 Bye\r\n"
            } else {
                "250 2.0.0 Ok\r\n"
            };
            self.stream.write_all(reply.as_bytes()).await?;
        }
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.input[self.used..], end) {
                let begin = self.used;
                self.used += at + end.len();
                return Ok(self.input[begin..self.used].to_vec());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
