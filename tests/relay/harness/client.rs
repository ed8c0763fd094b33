//! An SMTP client in the scenario's hands: it says what it is told, right or wrong, and shows what came back.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Certificate, Login};

const LIMIT: Duration = Duration::from_mins(1);

trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Channel for T {}

/// A reply of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code of the last line; 0 when the server closed the connection instead.
    pub code: u16,
    /// The lines behind their codes.
    pub lines: Vec<String>,
}

impl Reply {
    /// All its text in one line.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether one of its lines is this EHLO keyword.
    pub fn offers(&self, keyword: &str) -> bool {
        let first = |line: &String| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.lines.iter().skip(1).any(first)
    }
}

/// A connection to an SMTP server.
pub struct Client {
    channel: Box<dyn Channel>,
    input: Vec<u8>,
}

impl Client {
    /// Connects and reads nothing.
    pub async fn connect(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect(server).await.expect("the server takes connections"))
    }

    /// Connects from 127.0.0.`last`, reads the greeting and says EHLO.
    pub async fn greeted_from(last: u8, server: SocketAddr) -> Self {
        let mut client = Self::connect_from(last, server).await;
        assert_eq!(client.reply().await.code, 220);
        client.expect("EHLO client.example", 250).await;
        client
    }

    /// Connects from 127.0.0.`last` and reads nothing.
    pub async fn connect_from(last: u8, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0))).unwrap();
        Self::over(socket.connect(server).await.expect("the server takes connections"))
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { channel: Box::new(stream), input: Vec::new() }
    }

    /// Connects, reads the greeting and says EHLO.
    pub async fn greeted(server: SocketAddr) -> Self {
        let mut client = Self::connect(server).await;
        let greeting = client.reply().await;
        assert_eq!(greeting.code, 220, "{greeting:?}");
        client.expect("EHLO client.example", 250).await;
        client
    }

    /// Connects, says EHLO and logs in.
    pub async fn logged_in(server: SocketAddr, login: &Login) -> Self {
        let mut client = Self::greeted(server).await;
        let reply = client.auth(&login.username, &login.password).await;
        assert_eq!(reply.code, 235, "{reply:?}");
        client
    }

    /// AUTH PLAIN with its initial response.
    pub async fn auth(&mut self, user: &str, password: &str) -> Reply {
        let secret = BASE64.encode(format!("\0{user}\0{password}"));
        self.say(&format!("AUTH PLAIN {secret}")).await
    }

    /// STARTTLS and EHLO again; the server has to show this certificate.
    pub async fn starttls(mut self, certificate: &Certificate) -> Self {
        self.expect("STARTTLS", 220).await;
        let stream = certificate.connect(self.channel).await.expect("a TLS handshake");
        let mut client = Self { channel: Box::new(stream), input: Vec::new() };
        client.expect("EHLO client.example", 250).await;
        client
    }

    /// Writes bytes as they are. A server that went away is seen when its reply is read.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.channel.write_all(bytes).await;
        let _ = self.channel.flush().await;
    }

    /// One line out, CRLF added, and the reply to it.
    pub async fn say(&mut self, line: &str) -> Reply {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// One line out and a reply with this code.
    pub async fn expect(&mut self, line: &str, code: u16) -> Reply {
        let reply = self.say(line).await;
        assert_eq!(reply.code, code, "{line}: {reply:?}");
        reply
    }

    /// The next reply.
    pub async fn reply(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line().await else { return Reply { code: 0, lines } };
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.unwrap_or_else(|| panic!("a reply line begins with a code: {line:?}"));
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Reply { code, lines };
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = String::from_utf8_lossy(&self.input[..end]).trim_end_matches('\r').to_owned();
                self.input.drain(..=end);
                return Some(line);
            }
            let read = tokio::time::timeout(LIMIT, self.channel.read_buf(&mut self.input)).await;
            if read.expect("the server says something in time").unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// One transaction whose answer is lost: the connection is cut right after the final dot.
    pub async fn send_and_cut(mut self, from: &str, to: &[&str], message: &str) {
        self.expect(&format!("MAIL FROM:<{from}>"), 250).await;
        for recipient in to {
            self.expect(&format!("RCPT TO:<{recipient}>"), 250).await;
        }
        self.expect("DATA", 354).await;
        self.write(&stuffed(message.as_bytes())).await;
    }

    /// One transaction: the last reply, which is the first refusal if there was one. Line ends are left as they are,
    /// dots are stuffed.
    pub async fn send(&mut self, from: &str, to: &[&str], message: impl AsRef<[u8]>) -> Reply {
        let mut commands = vec![format!("MAIL FROM:<{from}>")];
        commands.extend(to.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
        commands.push("DATA".into());
        for command in commands {
            let reply = self.say(&command).await;
            if reply.code >= 400 || reply.code == 0 {
                self.say("RSET").await;
                return reply;
            }
        }
        self.write(&stuffed(message.as_ref())).await;
        self.reply().await
    }

    /// One transaction that has to succeed, with all that stands behind `MAIL FROM:` and each `RCPT TO:`.
    pub async fn send_asking(&mut self, from: &str, to: &[&str], message: &str) {
        self.expect(&format!("MAIL FROM:{from}"), 250).await;
        for recipient in to {
            self.expect(&format!("RCPT TO:{recipient}"), 250).await;
        }
        self.expect("DATA", 354).await;
        self.write(&stuffed(message.as_bytes())).await;
        assert_eq!(self.reply().await.code, 250);
    }

    /// Says QUIT.
    pub async fn quit(mut self) {
        self.say("QUIT").await;
    }
}

/// The message with its dots stuffed and its last line.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 8);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
