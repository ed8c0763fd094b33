//! A server that says what it is told to.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Ends the connection instead of a reply, or behind what stands before it.
pub const HANG_UP: &str = "HANG UP";
/// No reply at all, for ever.
pub const SILENCE: &str = "";

/// What it says at each step.
#[derive(Clone)]
pub struct Script {
    pub greeting: Vec<u8>,
    pub ehlo: Vec<u8>,
    pub helo: Vec<u8>,
    pub starttls: Vec<u8>,
    pub auth: Vec<u8>,
    pub mail: Vec<u8>,
    pub rcpt: Vec<u8>,
    pub data: Vec<u8>,
    pub dot: Vec<u8>,
    /// What it says to some recipients, by the beginning of their address.
    pub rcpts: Vec<(&'static str, &'static str)>,
    /// More in one transaction get 452 4.5.3.
    pub rcpts_max: usize,
    /// What it says to messages that some recipients are among, by the beginning of their address.
    pub dots: Vec<(&'static str, &'static str)>,
    /// Speaks TLS after STARTTLS; without it says something that is no TLS.
    pub tls: Option<TlsAcceptor>,
    /// Speaks TLS from the start.
    pub implicit: bool,
    /// Hangs up after so many mails.
    pub mails_max: usize,
    /// Hangs up in the middle of a message, after so many octets.
    pub message_max: usize,
    /// Over TLS: what it offers then.
    pub ehlo_tls: Vec<u8>,
}

impl Default for Script {
    fn default() -> Self {
        let say = |text: &str| text.as_bytes().to_vec();
        Self {
            greeting: say("220 mx.b.example ESMTP\r\n"),
            ehlo: say("250-mx.b.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"),
            helo: say("250 mx.b.example\r\n"),
            starttls: say("220 2.0.0 go\r\n"),
            auth: say("235 2.7.0 welcome\r\n"),
            mail: say("250 2.1.0 ok\r\n"),
            rcpt: say("250 2.1.5 ok\r\n"),
            data: say("354 go on\r\n"),
            dot: say("250 2.0.0 taken\r\n"),
            rcpts: Vec::new(),
            rcpts_max: usize::MAX,
            dots: Vec::new(),
            tls: None,
            implicit: false,
            mails_max: usize::MAX,
            message_max: usize::MAX,
            ehlo_tls: say("250-mx.b.example\r\n250 8BITMIME\r\n"),
        }
    }
}

impl Script {
    /// The good server, but for one step's reply.
    pub fn but(step: &str, reply: &[u8]) -> Self {
        let mut script = Self::default();
        *script.at(step) = reply.to_vec();
        script
    }

    /// The same with CHUNKING.
    pub fn chunking(mut self) -> Self {
        self.ehlo = b"250-mx.b.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n".to_vec();
        self
    }

    /// What it says to RCPT for addresses that begin so.
    fn rcpt_to(&self, path: &str, accepted: usize) -> &[u8] {
        match self.rcpts.iter().find(|(start, _)| path.starts_with(start)) {
            Some((_, reply)) => reply.as_bytes(),
            None if accepted >= self.rcpts_max => b"452 4.5.3 too many recipients\r\n",
            None => &self.rcpt,
        }
    }

    /// What it says to a message for these.
    fn dot_to(&self, paths: &[String]) -> &[u8] {
        let among = |start: &str| paths.iter().any(|path| path.starts_with(start));
        self.dots.iter().find(|(start, _)| among(start)).map_or(&self.dot, |(_, reply)| reply.as_bytes())
    }

    /// The same without PIPELINING.
    pub fn step_by_step(mut self) -> Self {
        self.ehlo = b"250-mx.b.example\r\n250 SIZE 1000000\r\n".to_vec();
        self
    }

    pub fn at(&mut self, step: &str) -> &mut Vec<u8> {
        match step {
            "greeting" => &mut self.greeting,
            "ehlo" => &mut self.ehlo,
            "helo" => &mut self.helo,
            "starttls" => &mut self.starttls,
            "auth" => &mut self.auth,
            "mail" => &mut self.mail,
            "rcpt" => &mut self.rcpt,
            "data" => &mut self.data,
            "dot" => &mut self.dot,
            other => panic!("no step {other}"),
        }
    }
}

#[derive(Default)]
pub struct Seen {
    pub connections: usize,
    /// Command lines, all connections.
    pub commands: Vec<String>,
    /// Messages as they came, dots and all, without the final one.
    pub messages: Vec<Vec<u8>>,
    /// The recipients of each.
    pub recipients: Vec<Vec<String>>,
}

pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub async fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub async fn start_at(address: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                noted.lock().unwrap().connections += 1;
                tokio::spawn(serve(socket, script.clone(), Arc::clone(&noted)));
            }
        });
        Self { address, seen }
    }

    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }

    pub fn recipients(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap().recipients.clone()
    }

    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().messages.clone()
    }
}

enum End {
    HungUp,
    StartTls,
}

async fn serve(socket: TcpStream, script: Script, seen: Arc<Mutex<Seen>>) {
    let mut script = script;
    if script.implicit {
        if let Ok(socket) = script.tls.clone().unwrap().accept(socket).await {
            let _ = talk(socket, &script, &seen, true).await;
        }
        return;
    }
    let mut socket = socket;
    if let Ok(End::StartTls) = talk(&mut socket, &script, &seen, true).await {
        let Some(tls) = script.tls.clone() else {
            let _ = socket.write_all(b"this is no TLS at all\r\n").await;
            let _ = socket.shutdown().await;
            return;
        };
        if let Ok(socket) = tls.accept(socket).await {
            script.ehlo.clone_from(&script.ehlo_tls);
            let _ = talk(socket, &script, &seen, false).await;
        }
    }
}

async fn talk<S>(socket: S, script: &Script, seen: &Mutex<Seen>, greet: bool) -> std::io::Result<End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = BufReader::new(socket);
    if greet && !say(&mut socket, &script.greeting).await? {
        return Ok(End::HungUp);
    }
    let (mut mails, mut accepted) = (0, Vec::new());
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(End::HungUp);
        }
        let line = line.trim_end().to_owned();
        seen.lock().unwrap().commands.push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        if verb == "BDAT" {
            if !take_chunk(&mut socket, script, seen, &line, &mut accepted).await? {
                return Ok(End::HungUp);
            }
            continue;
        }
        let path = line.split(['<', '>']).nth(1).unwrap_or_default();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => &script.ehlo,
            "HELO" => &script.helo,
            "STARTTLS" => &script.starttls,
            "AUTH" => &script.auth,
            "MAIL" => &script.mail,
            "RCPT" => script.rcpt_to(path, accepted.len()),
            "DATA" => &script.data,
            "QUIT" => b"221 2.0.0 bye\r\n",
            "RSET" => b"250 2.0.0 ok\r\n",
            _ => b"500 5.5.2 what\r\n",
        };
        match verb.as_str() {
            "RCPT" if ends_with(reply, "250") => accepted.push(path.to_owned()),
            "MAIL" | "RSET" => accepted.clear(),
            _ => {}
        }
        if line == "AUTH LOGIN" {
            ask_login(&mut socket, seen).await?;
        }
        if !say(&mut socket, reply).await? || verb == "QUIT" {
            return Ok(End::HungUp);
        }
        if verb == "STARTTLS" && reply.starts_with(b"220") {
            return Ok(End::StartTls);
        }
        if verb == "DATA" && ends_with(reply, "354") {
            if script.message_max < usize::MAX {
                socket.read_exact(&mut vec![0; script.message_max]).await?;
                return Ok(End::HungUp);
            }
            let message = read_message(&mut socket).await?;
            let paths = std::mem::take(&mut accepted);
            let reply = script.dot_to(&paths);
            seen.lock().unwrap().messages.push(message);
            seen.lock().unwrap().recipients.push(paths);
            mails += 1;
            if !say(&mut socket, reply).await? || mails >= script.mails_max {
                return Ok(End::HungUp);
            }
        }
    }
}

/// The whole message in one chunk; false when it hung up.
async fn take_chunk<S: AsyncWrite + AsyncRead + Unpin>(
    socket: &mut BufReader<S>,
    script: &Script,
    seen: &Mutex<Seen>,
    line: &str,
    accepted: &mut Vec<String>,
) -> std::io::Result<bool> {
    let octets = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut message = vec![0; script.message_max.min(octets)];
    socket.read_exact(&mut message).await?;
    if message.len() < octets {
        return Ok(false);
    }
    if accepted.is_empty() || !ends_with(&script.mail, "250") {
        return say(socket, b"503 5.5.1 no transaction\r\n").await;
    }
    let reply = script.dot_to(accepted);
    {
        let mut seen = seen.lock().unwrap();
        seen.messages.push(message);
        seen.recipients.push(std::mem::take(accepted));
    }
    say(socket, reply).await
}

/// Whether a reply's last line has this code.
fn ends_with(reply: &[u8], code: &str) -> bool {
    reply.trim_ascii_end().split(|b| *b == b'\n').next_back().is_some_and(|line| line.starts_with(code.as_bytes()))
}

async fn ask_login<S: AsyncWrite + AsyncRead + Unpin>(
    socket: &mut BufReader<S>,
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    for question in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
        say(socket, question.as_bytes()).await?;
        let mut secret = String::new();
        socket.read_line(&mut secret).await?;
        seen.lock().unwrap().commands.push(secret.trim_end().to_owned());
    }
    Ok(())
}

async fn say<S: AsyncWrite + AsyncRead + Unpin>(socket: &mut BufReader<S>, reply: &[u8]) -> std::io::Result<bool> {
    if let Some(before) = reply.strip_suffix(HANG_UP.as_bytes()) {
        socket.write_all(before).await?;
        socket.shutdown().await?;
        return Ok(false);
    }
    if reply == SILENCE.as_bytes() {
        std::future::pending::<()>().await;
    }
    socket.write_all(reply).await?;
    socket.flush().await?;
    Ok(true)
}

async fn read_message<S: AsyncRead + Unpin>(socket: &mut BufReader<S>) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let at = message.len();
        if socket.read_until(b'\n', &mut message).await? == 0 {
            return Ok(message);
        }
        if message.get(at..) == Some(&b".\r\n"[..]) {
            message.truncate(at);
            return Ok(message);
        }
    }
}

/// A server that writes the same bytes for ever after accepting, and reads nothing.
pub async fn flood(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move { while socket.write_all(bytes).await.is_ok() {} });
        }
    });
    address
}

/// A server that reads only the first octets of the message and says `then`.
pub async fn early(then: &'static [u8], read: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let script = Script::default();
                let mut socket = BufReader::new(socket);
                let mut line = String::new();
                socket.write_all(&script.greeting).await.unwrap();
                for reply in [&script.helo, &script.mail, &script.rcpt, &script.data] {
                    line.clear();
                    socket.read_line(&mut line).await.unwrap();
                    socket.write_all(reply).await.unwrap();
                }
                let mut some = vec![0; read];
                let _ = socket.read_exact(&mut some).await;
                let _ = socket.write_all(then).await;
                std::future::pending::<()>().await;
            });
        }
    });
    address
}
