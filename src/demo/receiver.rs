//! The receiving servers: one a host, all on one port of this machine's loopback addresses.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

use super::diary::Diary;
use super::domains::{DOMAINS, Receiving};
use super::replies;

/// A command line and a line of a message, in octets; a message.
const LINE_MAX: u64 = 64 << 10;
const MESSAGE_MAX: usize = 4 << 20;
/// Recipients of one transaction.
const RECIPIENTS_MAX: usize = 100;
/// Ports that are tried until one is free at all addresses.
const TRIES: usize = 20;

/// A copy that a mailbox took.
pub(super) struct Taken {
    /// What it belongs to, as the reverse path says.
    pub(super) campaign: String,
    /// Whose mailbox it is in.
    pub(super) to: String,
    /// The copy.
    pub(super) bytes: Arc<[u8]>,
}

/// A host's socket.
pub(super) struct Host {
    listener: std::net::TcpListener,
    name: &'static str,
}

/// A socket for each host, and the port that all have.
pub(super) fn bind() -> io::Result<(Vec<Host>, u16)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        match bind_once() {
            Ok(bound) => return Ok(bound),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_once() -> io::Result<(Vec<Host>, u16)> {
    let (mut hosts, mut port) = (Vec::<Host>::new(), 0);
    for Receiving { host, .. } in DOMAINS {
        if hosts.iter().any(|known| known.name == host) {
            continue;
        }
        let Some(address) = DOMAINS.iter().find(|one| one.host == host).map(Receiving::address) else { continue };
        let listener = std::net::TcpListener::bind(SocketAddr::from((address, port)))?;
        listener.set_nonblocking(true)?;
        port = listener.local_addr()?.port();
        hosts.push(Host { listener, name: host });
    }
    Ok((hosts, port))
}

/// What all hosts share.
#[derive(Clone)]
pub(super) struct Mailboxes {
    /// What was done is written down there.
    pub(super) diary: Diary,
    /// Who reads.
    pub(super) readers: UnboundedSender<Taken>,
    /// How many mails nobody has read to the end.
    unread: Arc<AtomicUsize>,
    /// How often a recipient was asked for with a reverse path.
    asked: Arc<Mutex<HashMap<(String, String), u32>>>,
}

impl Mailboxes {
    pub(super) fn new(diary: Diary, readers: UnboundedSender<Taken>, unread: Arc<AtomicUsize>) -> Self {
        Self { diary, readers, unread, asked: Arc::default() }
    }

    fn times_asked(&self, from: &str, to: &str) -> u32 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry((from.to_owned(), to.to_owned())).or_default();
        *times += 1;
        *times - 1
    }
}

/// Takes connections until it is dropped.
pub(super) async fn serve(host: Host, mailboxes: Mailboxes) -> io::Result<()> {
    let listener = TcpListener::from_std(host.listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let mailboxes = mailboxes.clone();
        tokio::spawn(async move {
            let session = Session::new(stream, host.name, mailboxes);
            if let Err(error) = session.run().await {
                tracing::debug!(%error, "a connection to the demo's servers ended early");
            }
        });
    }
}

/// One connection.
struct Session {
    stream: BufReader<TcpStream>,
    host: &'static str,
    mailboxes: Mailboxes,
    from: String,
    to: Vec<String>,
}

impl Session {
    fn new(stream: TcpStream, host: &'static str, mailboxes: Mailboxes) -> Self {
        Self { stream: BufReader::new(stream), host, mailboxes, from: String::new(), to: Vec::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        self.say(&format!("220 {} ESMTP, a server of postrider demo", self.host)).await?;
        while let Some(line) = self.line().await? {
            let command = String::from_utf8_lossy(&line).trim_end().to_owned();
            let upper = command.to_ascii_uppercase();
            let verb = upper.split([' ', ':']).next().unwrap_or_default();
            match verb {
                "EHLO" => self.say(&ehlo(self.host)).await?,
                "HELO" => self.say(&format!("250 {}", self.host)).await?,
                "MAIL" => {
                    (self.from, self.to) = (path(&command), Vec::new());
                    self.say("250 2.1.0 Sender ok").await?;
                }
                "RCPT" => self.recipient(path(&command)).await?,
                "DATA" if self.to.is_empty() => self.say("554 5.5.1 No recipients").await?,
                "DATA" => {
                    self.say("354 Go ahead, end with a dot").await?;
                    self.message().await?;
                }
                "RSET" | "NOOP" => {
                    self.to.clear();
                    self.say("250 2.0.0 Ok").await?;
                }
                "QUIT" => return self.say("221 2.0.0 Bye").await,
                _ => self.say("500 5.5.2 Not known here").await?,
            }
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await
    }

    /// The next line with its end; `None` at the end of the connection.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE_MAX).read_until(b'\n', &mut line).await?;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    async fn recipient(&mut self, to: String) -> io::Result<()> {
        if self.to.len() >= RECIPIENTS_MAX {
            return self.say("452 4.5.3 Enough for one message").await;
        }
        let before = self.mailboxes.times_asked(&self.from, &to);
        if let Some(refusal) = replies::to_recipient(&to, before) {
            self.note_refusal(&to, refusal);
            self.say(refusal).await?;
            // Whoever says 421 closes (RFC 5321 section 3.8).
            return if refusal.starts_with("421") { self.stream.shutdown().await } else { Ok(()) };
        }
        self.to.push(to);
        self.say("250 2.1.5 Recipient ok").await
    }

    async fn message(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let Some(line) = self.line().await? else { return Ok(()) };
            if line == b".\r\n" {
                break;
            }
            // The dots of transparency (RFC 5321 section 4.5.2).
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if bytes.len() > MESSAGE_MAX {
                return self.say("552 5.3.4 Too large").await;
            }
        }
        let to = std::mem::take(&mut self.to);
        let refusal = to.iter().find_map(|to| replies::to_message(to));
        if let Some(refusal) = refusal {
            to.iter().for_each(|to| self.note_refusal(to, refusal));
            return self.say(refusal).await;
        }
        let bytes: Arc<[u8]> = bytes.into();
        let campaign = campaign(&self.from);
        for to in to {
            self.mailboxes.diary.note("taken", &campaign, &to, &json!({"octets": bytes.len()}));
            self.mailboxes.unread.fetch_add(1, Ordering::SeqCst);
            // Who stops the demo wants no readers.
            let _ = self.mailboxes.readers.send(Taken { campaign: campaign.clone(), to, bytes: Arc::clone(&bytes) });
        }
        self.say("250 2.0.0 In the mailbox").await
    }

    fn note_refusal(&self, to: &str, refusal: &str) {
        let what = if refusal.starts_with('4') { "deferred" } else { "refused" };
        self.mailboxes.diary.note(what, &campaign(&self.from), to, &json!({"reply": refusal}));
    }
}

fn ehlo(host: &str) -> String {
    format!(
        "250-{host}\r\n250-PIPELINING\r\n250-SIZE {MESSAGE_MAX}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES"
    )
}

/// The address between the angle brackets, in lower case.
fn path(command: &str) -> String {
    let inner = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(path, _)| path).to_ascii_lowercase()
}

/// Each campaign of the demo has a reverse path of its own.
fn campaign(from: &str) -> String {
    from.split_once('@').map_or("", |(local, _)| local).to_owned()
}
