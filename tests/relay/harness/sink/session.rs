//! One conversation with a client: commands in, replies out, by RFC 5321.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::{Answer, RcptReply};
use super::parse::{path, without_stuffing};
use super::{Keep, Line, Received, Shared, lock, now_ms};

const LINE_BYTES_MAX: usize = 8 * 1024;
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
const IDLE: Duration = Duration::from_mins(5);
const END_OF_MESSAGE: &[u8] = b"\r\n.\r\n";

/// Takes connections for ever.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    sessions.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.session_begins();
    let mut conversation = Conversation::new(stream, Arc::clone(&shared), number);
    // A client that goes away is nothing to report; what it left behind is in the tally.
    let _ = conversation.run().await;
    shared.session_ends();
}

trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Channel for T {}

/// Whether the conversation goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Command,
    Close,
}

struct Recipient {
    path: String,
    answer: Answer,
    before: u32,
}

struct Conversation {
    channel: Box<dyn Channel>,
    input: Vec<u8>,
    output: Vec<u8>,
    shared: Arc<Shared>,
    number: u64,
    peer: IpAddr,
    tls: bool,
    logged_in: bool,
    helo: String,
    sender: Option<(String, String)>,
    recipients: Vec<Recipient>,
}

impl Conversation {
    fn new(stream: TcpStream, shared: Arc<Shared>, number: u64) -> Self {
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
        let logged_in = shared.settings.login.is_none();
        Self {
            channel: Box::new(stream),
            input: Vec::with_capacity(16 * 1024),
            output: Vec::with_capacity(512),
            shared,
            number,
            peer,
            tls: false,
            logged_in,
            helo: String::new(),
            sender: None,
            recipients: Vec::new(),
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        if self.shared.is_crowded() {
            self.say("421 4.7.0 Too many connections, slow down");
            return self.flush().await;
        }
        self.say(&format!("220 {} ESMTP", self.shared.settings.hostname));
        loop {
            let line = self.line().await?;
            if self.command(&line).await? == Next::Close {
                return self.flush().await;
            }
        }
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.ehlo(rest),
            "HELO" => {
                self.greeted(rest);
                self.say("250 sink.example");
            }
            "STARTTLS" => return self.starttls().await,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest),
            "RCPT" => return self.rcpt(rest).await,
            "DATA" => return self.message().await,
            "RSET" => {
                self.forget();
                self.say("250 2.0.0 Ok");
            }
            "NOOP" => self.say("250 2.0.0 Ok"),
            "QUIT" => {
                self.say("221 2.0.0 Bye");
                return Ok(Next::Close);
            }
            _ => self.say("500 5.5.2 Unknown command"),
        }
        Ok(Next::Command)
    }

    fn greeted(&mut self, name: &str) {
        name.trim().clone_into(&mut self.helo);
        self.forget();
    }

    fn ehlo(&mut self, name: &str) {
        self.greeted(name);
        let settings = &self.shared.settings;
        let mut offers = vec![settings.hostname.clone(), format!("SIZE {MESSAGE_BYTES_MAX}")];
        offers.extend(settings.pipelining.then(|| "PIPELINING".into()));
        offers.extend(settings.eight_bit.then(|| "8BITMIME".into()));
        offers.extend(settings.utf8.then(|| "SMTPUTF8".into()));
        offers.extend(settings.dsn.then(|| "DSN".into()));
        offers.extend((settings.tls.is_some() && !self.tls).then(|| "STARTTLS".into()));
        offers.extend(settings.login.is_some().then(|| "AUTH PLAIN LOGIN".into()));
        for offer in offers {
            self.say(&format!("250-{offer}"));
        }
        self.say("250 ENHANCEDSTATUSCODES");
    }

    async fn starttls(&mut self) -> io::Result<Next> {
        let Some(acceptor) = self.shared.settings.tls.clone().filter(|_| !self.tls) else {
            self.say("502 5.5.1 Not offered");
            return Ok(Next::Command);
        };
        self.say("220 2.0.0 Go ahead");
        self.flush().await?;
        // What came with the command was said before the handshake, so it does not count (RFC 3207 section 4.2).
        self.input.clear();
        let plain = std::mem::replace(&mut self.channel, Box::new(tokio::io::empty()));
        self.channel = Box::new(acceptor.accept(plain).await?);
        self.tls = true;
        self.greeted("");
        Ok(Next::Command)
    }

    /// PLAIN with or without its initial response, and LOGIN (RFC 4954).
    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let Some((user, password)) = self.shared.settings.login.clone() else {
            self.say("502 5.5.1 Not offered");
            return Ok(());
        };
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" if initial.is_empty() => self.ask("334 ").await?,
            "PLAIN" => BASE64.decode(initial).unwrap_or_default(),
            "LOGIN" => {
                let user = self.ask("334 VXNlcm5hbWU6").await?;
                let password = self.ask("334 UGFzc3dvcmQ6").await?;
                [b"\0", user.as_slice(), b"\0", password.as_slice()].concat()
            }
            _ => Vec::new(),
        };
        self.logged_in = given.ends_with(format!("\0{user}\0{password}").as_bytes());
        self.say(if self.logged_in { "235 2.7.0 Welcome" } else { "535 5.7.8 Wrong user name or password" });
        Ok(())
    }

    async fn ask(&mut self, question: &str) -> io::Result<Vec<u8>> {
        self.say(question);
        let line = self.line().await?;
        Ok(BASE64.decode(line).unwrap_or_default())
    }

    fn mail(&mut self, rest: &str) {
        if !self.logged_in {
            return self.say("530 5.7.0 Log in first");
        }
        match path(rest, "FROM:") {
            Some(_) if self.sender.is_some() => self.say("503 5.5.1 One sender at a time"),
            Some((sender, parameters)) => {
                self.sender = Some((sender, parameters));
                self.say("250 2.1.0 Ok");
            }
            None => self.say("501 5.5.4 MAIL FROM:<path>"),
        }
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<Next> {
        let Some((sender, _)) = &self.sender else {
            self.say("503 5.5.1 MAIL first");
            return Ok(Next::Command);
        };
        let Some((path, _)) = path(rest, "TO:") else {
            self.say("501 5.5.4 RCPT TO:<path>");
            return Ok(Next::Command);
        };
        let answer = Answer::of(&path);
        let before = if answer.counts() { self.shared.times_seen(sender, &path) } else { 0 };
        match answer.to_rcpt(before) {
            RcptReply::Taken => {
                self.recipients.push(Recipient { path, answer, before });
                self.say("250 2.1.5 Ok");
            }
            RcptReply::Refused(reply) => self.refuse(&reply),
            RcptReply::Never => {
                self.flush().await?;
                while self.fill().await? > 0 {
                    self.input.clear();
                }
                return Ok(Next::Close);
            }
        }
        Ok(Next::Command)
    }

    async fn message(&mut self) -> io::Result<Next> {
        if self.recipients.is_empty() {
            self.refuse("554 5.5.1 No valid recipients");
            return Ok(Next::Command);
        }
        self.say("354 Go ahead");
        self.flush().await?;
        if self.recipients.iter().any(|to| to.answer == Answer::Drop) {
            self.fill().await?;
            return Ok(Next::Close);
        }
        let bytes = self.message_bytes().await?;
        for to in &self.recipients {
            if let Answer::Slow(pause) = to.answer {
                tokio::time::sleep(pause).await;
            }
        }
        if self.recipients.iter().any(|to| to.answer == Answer::Spam) {
            self.forget();
            self.refuse("554 5.7.1 Message looks like spam");
            return Ok(Next::Command);
        }
        let acknowledged = !self.recipients.iter().any(|to| to.answer == Answer::Lost && to.before == 0);
        let number = self.keep(bytes, acknowledged).await?;
        if !acknowledged {
            return Ok(Next::Close);
        }
        self.say(&format!("250 2.0.0 Ok: queued as {number:06}"));
        Ok(Next::Command)
    }

    async fn keep(&mut self, bytes: Vec<u8>, acknowledged: bool) -> io::Result<u64> {
        let (mail_from, mail_parameters) = self.sender.take().unwrap_or_default();
        let rcpt_to = self.recipients.drain(..).map(|to| to.path).collect();
        let mail = Received {
            number: 0,
            session: self.number,
            peer: self.peer,
            helo: self.helo.clone(),
            mail_from,
            mail_parameters,
            rcpt_to,
            at_ms: now_ms(),
            tls: self.tls,
            acknowledged,
            bytes,
        };
        self.shared.take(mail).await
    }

    /// Reads up to the line with nothing but a dot. Only CRLF ends lines here.
    async fn message_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if self.input.starts_with(&END_OF_MESSAGE[2..]) {
                self.input.drain(..3);
                return Ok(Vec::new());
            }
            let from = searched.min(self.input.len());
            if let Some(at) = memchr::memmem::find(&self.input[from..], END_OF_MESSAGE) {
                let end = from + at + 2;
                let bytes = match self.shared.settings.keep {
                    Keep::Count | Keep::List(_) => Vec::new(),
                    Keep::Memory | Keep::Folder(_) => without_stuffing(&self.input[..end]),
                };
                self.input.drain(..end + 3);
                return Ok(bytes);
            }
            searched = self.input.len().saturating_sub(END_OF_MESSAGE.len() - 1);
            if self.input.len() > MESSAGE_BYTES_MAX || self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    fn refuse(&mut self, reply: &str) {
        lock(&self.shared.tally).refused += 1;
        self.say(reply);
    }

    fn say(&mut self, reply: &str) {
        self.note(false, reply);
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn note(&self, from_client: bool, text: &str) {
        if matches!(self.shared.settings.keep, Keep::Memory) {
            let line = Line { session: self.number, at_ms: now_ms(), from_client, text: text.to_owned() };
            lock(&self.shared.lines).push(line);
        }
    }

    /// The next command. Replies wait for as long as further commands are at hand.
    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = String::from_utf8_lossy(&self.input[..end]).trim_end_matches('\r').to_owned();
                self.input.drain(..=end);
                self.note(true, &line);
                return Ok(line);
            }
            self.flush().await?;
            if self.input.len() > LINE_BYTES_MAX || self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.input.reserve(16 * 1024);
        tokio::time::timeout(IDLE, self.channel.read_buf(&mut self.input)).await?
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.channel.write_all(&self.output).await?;
        self.output.clear();
        self.channel.flush().await
    }
}
