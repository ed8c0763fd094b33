//! One SMTP session as a client.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::report::Report;

const PATIENCE: Duration = Duration::from_mins(10);
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// The code and the last line of a reply.
struct Reply {
    code: u16,
    line: String,
}

impl Reply {
    fn or_error(self, expected: u16, to: &str) -> io::Result<Self> {
        if self.code == expected { Ok(self) } else { Err(io::Error::other(format!("{to}: {}", self.line))) }
    }
}

/// A connection, plain or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A greeted connection.
pub struct Session {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    pipelining: bool,
}

impl Session {
    /// Connects and says EHLO; with TLS once more over it.
    pub async fn connect(server: &str, tls: Option<&TlsConnector>) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(stream.peer_addr()?.ip());
        let mut session = Self { stream: Box::new(stream), input: Vec::with_capacity(4096), pipelining: false };
        session.reply().await?.or_error(220, "greeting")?;
        session.hello().await?;
        let Some(tls) = tls else { return Ok(session) };
        session.ask("STARTTLS").await?.or_error(220, "STARTTLS")?;
        session.stream = Box::new(tls.connect(name, session.stream).await?);
        session.hello().await?;
        Ok(session)
    }

    async fn hello(&mut self) -> io::Result<()> {
        self.stream.write_all(b"EHLO flood.example\r\n").await?;
        self.ehlo_reply().await
    }

    async fn ehlo_reply(&mut self) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            self.pipelining |= line.get(4..).is_some_and(|offer| offer.eq_ignore_ascii_case("PIPELINING"));
            if !line.starts_with("250") {
                return Err(io::Error::other(format!("EHLO: {line}")));
            }
            if !line.starts_with("250-") {
                return Ok(());
            }
        }
    }

    /// AUTH PLAIN with its initial response (RFC 4954).
    pub async fn login(&mut self, user: &str, password: &str) -> io::Result<()> {
        let secret = BASE64.encode(format!("\0{user}\0{password}"));
        self.ask(&format!("AUTH PLAIN {secret}")).await?.or_error(235, "AUTH").map(drop)
    }

    /// One transaction: how many recipients were taken with the message, 0 when it was refused.
    pub async fn send(&mut self, from: &str, to: &[String], bytes: &[u8], report: &mut Report) -> io::Result<u64> {
        let mut commands = vec![format!("MAIL FROM:<{from}>")];
        commands.extend(to.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
        commands.push("DATA".into());
        if self.pipelining {
            self.stream.write_all((commands.join("\r\n") + "\r\n").as_bytes()).await?;
        }
        let mut taken = 0;
        let mut go_ahead = false;
        for command in &commands {
            let reply = if self.pipelining { self.reply().await? } else { self.ask(command).await? };
            let verb = command.get(..4).unwrap_or_default();
            match (verb, reply.code) {
                ("RCPT", 250 | 251) => taken += 1,
                ("DATA", 354) => go_ahead = true,
                // Without a recipient the refusal of DATA says nothing new.
                ("DATA", 500..) if taken == 0 => {}
                ("MAIL", 250) => {}
                _ => report.not_250(verb, &reply.line),
            }
        }
        if !go_ahead {
            self.ask("RSET").await?;
            return Ok(0);
        }
        self.stream.write_all(bytes).await?;
        let reply = self.reply().await?;
        if reply.code != 250 {
            report.not_250("message", &reply.line);
            return Ok(0);
        }
        Ok(taken)
    }

    /// Says good-bye, whether anybody listens or not.
    pub async fn quit(mut self) {
        let _ = self.ask("QUIT").await;
    }

    async fn ask(&mut self, command: &str) -> io::Result<Reply> {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            let line = self.line().await?;
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
                return Ok(Reply { code, line });
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = String::from_utf8_lossy(&self.input[..end]).trim_end().to_owned();
                self.input.drain(..=end);
                return Ok(line);
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await??;
            if read == 0 || self.input.len() > REPLY_BYTES_MAX {
                return Err(io::Error::other("the server closed the connection"));
            }
        }
    }
}
