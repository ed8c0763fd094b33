//! A server that says what it is told to.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener};

pub use super::script::{HANG_UP, SILENCE, Script};

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

    /// On a socket of this machine, and with no address to speak of.
    pub fn start_on(path: &Path, script: Script) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                noted.lock().unwrap().connections += 1;
                let (script, noted) = (script.clone(), Arc::clone(&noted));
                tokio::spawn(async move { drop(talk(socket, &script, &noted, true).await) });
            }
        });
        Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), seen }
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
            "LHLO" if script.lmtp => &script.ehlo,
            "EHLO" if !script.lmtp => &script.ehlo,
            "HELO" if !script.lmtp => &script.helo,
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
            mails += 1;
            if !take_message(&mut socket, script, seen, std::mem::take(&mut accepted)).await? {
                return Ok(End::HungUp);
            }
            if mails >= script.mails_max {
                return Ok(End::HungUp);
            }
        }
    }
}

/// Reads a message for these and says what is said of it.
async fn take_message<S: AsyncWrite + AsyncRead + Unpin>(
    socket: &mut BufReader<S>,
    script: &Script,
    seen: &Mutex<Seen>,
    paths: Vec<String>,
) -> std::io::Result<bool> {
    let message = read_message(socket).await?;
    seen.lock().unwrap().messages.push(message);
    seen.lock().unwrap().recipients.push(paths.clone());
    for (n, reply) in script.dots_to(&paths).into_iter().enumerate() {
        if !say(socket, if n < script.replies_max { reply } else { SILENCE.as_bytes() }).await? {
            return Ok(false);
        }
    }
    Ok(true)
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
            return Err(std::io::ErrorKind::UnexpectedEof.into());
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
