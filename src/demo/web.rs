//! Requests to the relay's web listener, over connections that are kept.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Requests under way.
const REQUESTS_MAX: usize = 24;
/// An answer, in octets.
const ANSWER_MAX: usize = 4 << 20;

/// One request.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Field names and values.
    pub(super) fields: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
}

/// The way there; clones share it.
#[derive(Clone)]
pub(super) struct Web {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<TcpStream>>>,
    permits: Arc<Semaphore>,
}

impl Web {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default(), permits: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    /// Sends a request: the answer's code and body.
    pub(super) async fn ask(&self, request: &Request<'_>) -> io::Result<(u16, Vec<u8>)> {
        let _permit = self.permits.acquire().await.map_err(io::Error::other)?;
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(stream) = kept
            && let Ok(answer) = self.ask_over(stream, request).await
        {
            return Ok(answer);
        }
        // A connection that was kept may have been closed before the request came.
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.ask_over(stream, request).await
    }

    async fn ask_over(&self, mut stream: TcpStream, request: &Request<'_>) -> io::Result<(u16, Vec<u8>)> {
        stream.write_all(text(request).as_bytes()).await?;
        let mut answer = Vec::new();
        let end = loop {
            if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                break end + 4;
            }
            if answer.len() > ANSWER_MAX || stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
        let length = if request.method == "HEAD" { 0 } else { length.min(ANSWER_MAX) };
        while answer.len() < end + length {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if field("connection:") != Some("close") && field("transfer-encoding:").is_none() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        }
        Ok((code, answer.split_off(end)))
    }
}

fn text(request: &Request<'_>) -> String {
    let fields: String = request.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let Request { method, path, body, .. } = request;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\n{fields}{length}\r\n{body}")
}
