//! One SMTP conversation, as a client (RFC 5321), over one connection.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpSocket, TcpStream};

use crate::domain::{BounceClass, EnhancedCode, Reply};

use super::courier::Parcel;
use super::failure::{Failure, Step};
use super::offers::Offers;
use super::settings::Timeouts;
use super::smarthost::Login;
use super::tls::{Agreed, Tls};
use super::transcript::Transcript;
use super::wire::{Heard, Io, Pace, Trouble, Wire};

/// Parts in which a message is handed to the network.
const CHUNK_LEN: usize = 64 * 1024;

/// Whether and when a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// When the server offers it; any certificate will do.
    Opportunistic,
    /// STARTTLS or nothing, with a valid certificate: a password goes over it.
    Demanded,
    /// From the first byte on.
    Implicit {
        /// Whether the certificate must be valid.
        valid: bool,
    },
}

/// Whom to talk to, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// The name, for TLS and texts.
    pub(super) host: &'a str,
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) security: Security,
    pub(super) login: Option<&'a Login>,
}

/// What every session of a courier has in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Custom<'a> {
    pub(super) hostname: &'a str,
    pub(super) timeouts: &'a Timeouts,
    pub(super) tls: &'a Tls,
}

/// What is done less well than it could be, after the better way failed with this server.
#[derive(Debug, Clone, Copy, Default)]
struct Humility {
    helo: bool,
    plain: bool,
}

/// Why a session did not open.
enum NotOpened {
    /// A new connection with less may do.
    Humbler(Humility, Failure),
    Failed(Failure),
}

impl From<Failure> for NotOpened {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An open session: greeted, encrypted and logged in where that was to be.
pub(super) struct Session {
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) agreed: Agreed,
    /// Mails handed over it.
    pub(super) sent: u32,
    wire: Wire,
    smtp: AsyncSmtpConnection,
    offers: Offers,
    timeouts: Timeouts,
    /// A transaction was begun and not ended.
    dirty: bool,
    dead: bool,
}

impl Session {
    /// Connects and greets. A failed TLS handshake and a server that knows no EHLO are each answered by one new
    /// connection that goes without: three connections at most.
    pub(super) async fn open(target: Target<'_>, custom: Custom<'_>, log: &mut Transcript) -> Result<Self, Failure> {
        let mut humility = Humility::default();
        loop {
            match Self::open_once(target, custom, humility, log).await {
                Ok(session) => return Ok(session),
                Err(NotOpened::Failed(failure)) => return Err(failure),
                Err(NotOpened::Humbler(next, failure)) => {
                    log.note(&format!("{}; once more without", failure.reply.text));
                    humility = next;
                }
            }
        }
    }

    async fn open_once(
        target: Target<'_>,
        custom: Custom<'_>,
        humility: Humility,
        log: &mut Transcript,
    ) -> Result<Self, NotOpened> {
        let (io, agreed) = connect(target, custom, log).await?;
        let timeouts = custom.timeouts;
        let wire = Wire::new(io, target.address, pace(timeouts.greeting, timeouts), humility.helo);
        let id = ClientId::Domain(custom.hostname.to_owned());
        let opened = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &id).await;
        let offers = greet(&wire, target, custom, humility, log)?;
        let Ok(smtp) = opened else {
            return Err(Failure::protocol(Step::Ehlo, format!("{} could not be understood", target.host)).into());
        };
        wire.opened();
        let mut session = Self {
            host: target.host.to_owned(),
            address: target.address,
            agreed,
            sent: 0,
            wire,
            smtp,
            offers,
            timeouts: timeouts.clone(),
            dirty: false,
            dead: false,
        };
        session.encrypt(target, custom, humility, log).await?;
        if let Some(login) = target.login {
            session.log_in(login, log).await?;
        }
        Ok(session)
    }

    /// STARTTLS (RFC 3207), where it is offered or demanded.
    async fn encrypt(
        &mut self,
        target: Target<'_>,
        custom: Custom<'_>,
        humility: Humility,
        log: &mut Transcript,
    ) -> Result<(), NotOpened> {
        let demanded = match target.security {
            Security::Implicit { .. } => return Ok(()),
            Security::Opportunistic => false,
            Security::Demanded => true,
        };
        if !self.offers.starttls && demanded {
            let text = format!("{} offers no STARTTLS, and a password does not go in plain", self.who());
            return Err(untrusted(Step::StartTls, text).into());
        }
        if !self.offers.starttls || humility.plain {
            return Ok(());
        }
        let reply = self.say(Step::StartTls, "STARTTLS", log).await?;
        if reply.code != 220 && demanded {
            return Err(Failure::said(Step::StartTls, reply).softened().into());
        }
        if reply.code != 220 {
            return if reply.code == 421 { Err(Failure::said(Step::StartTls, reply).into()) } else { Ok(()) };
        }
        match self.shake_hands(target, custom, demanded).await {
            Ok(agreed) => {
                log.note(&format!("{}, certificate {}", agreed.version, agreed.certificate));
                self.agreed = agreed;
            }
            Err(why) => {
                self.dead = true;
                let failure = untrusted(Step::Handshake, format!("no TLS with {}: {why}", self.who()));
                let plain = Humility { plain: true, ..humility };
                return Err(if demanded { failure.into() } else { NotOpened::Humbler(plain, failure) });
            }
        }
        // What was offered in plain counts no more (RFC 3207 section 4.2).
        let heard = self.hear(Step::Ehlo, &format!("EHLO {}", custom.hostname), log).await?;
        if !heard.reply.is_positive() {
            return Err(Failure::said(Step::Ehlo, heard.reply).into());
        }
        self.offers = Offers::read(&heard.lines);
        Ok(())
    }

    async fn shake_hands(&self, target: Target<'_>, custom: Custom<'_>, demand: bool) -> Result<Agreed, String> {
        let Some(socket) = self.wire.take_plain() else {
            return Err("it sent something between its reply and the handshake".to_owned());
        };
        let handshake = custom.tls.handshake(socket, target.host, demand);
        let shaken = tokio::time::timeout(self.timeouts.handshake, handshake).await;
        let (socket, agreed) = shaken.unwrap_or_else(|_| Err("the handshake took too long".to_owned()))?;
        self.wire.put_tls(socket);
        Ok(agreed)
    }

    /// AUTH PLAIN (RFC 4616) or LOGIN. A refusal is temporary: it is a matter of configuration, not of the mail.
    async fn log_in(&mut self, login: &Login, log: &mut Transcript) -> Result<(), Failure> {
        let (user, password) = (&login.user, &login.password);
        let reply = if self.offers.auth_plain {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            log.client("AUTH PLAIN ***");
            self.say_hidden(Step::Auth, &format!("AUTH PLAIN {secret}"), log).await?
        } else if self.offers.auth_login {
            let mut reply = self.say(Step::Auth, "AUTH LOGIN", log).await?;
            for secret in [user, password] {
                if reply.code == 334 {
                    log.client("***");
                    reply = self.say_hidden(Step::Auth, &STANDARD.encode(secret), log).await?;
                }
            }
            reply
        } else {
            let text = format!("{} offers neither AUTH PLAIN nor AUTH LOGIN", self.who());
            return Err(Failure::protocol(Step::Auth, text));
        };
        if reply.is_positive() { Ok(()) } else { Err(Failure::said(Step::Auth, reply).softened()) }
    }

    /// Hands over one copy. After a failure the session may still be of use: see `is_usable`.
    pub(super) async fn send(&mut self, parcel: &Parcel<'_>, log: &mut Transcript) -> Result<Reply, Failure> {
        let mail = self.mail_command(parcel)?;
        let rcpt = format!("RCPT TO:<{}>", parcel.recipient);
        if self.offers.pipelining {
            self.transact_at_once(&mail, &rcpt, log).await?;
        } else {
            self.transact(&mail, &rcpt, log).await?;
        }
        self.hand_over(parcel.copy, log).await
    }

    /// MAIL with what this server needs to know (RFC 1870, RFC 6152), or why it will not take the copy.
    fn mail_command(&self, parcel: &Parcel<'_>) -> Result<String, Failure> {
        let refuse = |code, enhanced, class, text| Err(Failure::found(Step::Mail, code, enhanced, class, text));
        let size = parcel.copy.len();
        if let Some(max) = self.offers.size_max()
            && u64::try_from(size).unwrap_or(u64::MAX) > max
        {
            let text = format!("the message has {size} octets, {} takes at most {max}", self.who());
            return refuse(552, EnhancedCode(5, 3, 4), BounceClass::TooLarge, text);
        }
        if !ends_lines_rightly(parcel.copy) {
            let text = "the message has a bare CR or LF, or a NUL, and was not sent".to_owned();
            return refuse(554, EnhancedCode(5, 6, 0), BounceClass::TlsOrProtocol, text);
        }
        let eight_bit = !parcel.copy.is_ascii();
        if eight_bit && !self.offers.eight_bit {
            let text = format!("the message has 8-bit text, and {} does not offer 8BITMIME", self.who());
            return refuse(554, EnhancedCode(5, 6, 3), BounceClass::TlsOrProtocol, text);
        }
        let mut mail = format!("MAIL FROM:<{}>", parcel.reverse_path.map_or("", |a| a.as_str()));
        if self.offers.size.is_some() {
            let _ = write!(mail, " SIZE={size}");
        }
        if eight_bit {
            mail.push_str(" BODY=8BITMIME");
        }
        Ok(mail)
    }

    async fn transact(&mut self, mail: &str, rcpt: &str, log: &mut Transcript) -> Result<(), Failure> {
        if self.dirty {
            self.say(Step::Reset, "RSET", log).await?;
        }
        self.dirty = true;
        for (step, command) in [(Step::Mail, mail), (Step::Rcpt, rcpt), (Step::Data, "DATA")] {
            let reply = self.say(step, command, log).await?;
            self.accept(step, reply)?;
        }
        Ok(())
    }

    /// All commands in one write (RFC 2920). The first refusal counts; a server that asks for the message all the same
    /// gets an empty one.
    async fn transact_at_once(&mut self, mail: &str, rcpt: &str, log: &mut Transcript) -> Result<(), Failure> {
        let all = [(Step::Reset, "RSET"), (Step::Mail, mail), (Step::Rcpt, rcpt), (Step::Data, "DATA")];
        let steps = all.get(usize::from(!self.dirty)..).unwrap_or_default();
        let mut text = String::new();
        for (_, command) in steps {
            log.client(command);
            text.push_str(command);
            text.push_str("\r\n");
        }
        self.dirty = true;
        let mut refused: Option<Failure> = None;
        let mut wanted = false;
        for (at, (step, _)) in steps.iter().enumerate() {
            let heard = if at == 0 { self.exchange(*step, &text, log).await } else { self.listen(*step, log).await };
            let judged = match heard {
                Ok(heard) => {
                    wanted = *step == Step::Data && heard.reply.code == 354;
                    self.accept(*step, heard.reply)
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = judged {
                let over = failure.ends_session();
                refused.get_or_insert(failure);
                if over {
                    break;
                }
            }
        }
        let Some(failure) = refused else { return Ok(()) };
        if wanted {
            let _ = self.say(Step::Data, ".", log).await;
        }
        Err(failure)
    }

    /// Whether a reply is what the step needs; what is neither that nor a refusal breaks the protocol.
    fn accept(&mut self, step: Step, reply: Reply) -> Result<(), Failure> {
        let good = if step == Step::Data { reply.code == 354 } else { reply.is_positive() };
        if good || step == Step::Reset && reply.code != 421 {
            return Ok(());
        }
        if reply.code < 400 {
            self.dead = true;
            return Err(Failure::protocol(step, format!("{} answered {reply} out of turn", self.who())));
        }
        self.dead |= reply.code == 421;
        Err(Failure::said(step, reply))
    }

    /// The message and the final dot.
    async fn hand_over(&mut self, copy: &[u8], log: &mut Transcript) -> Result<Reply, Failure> {
        self.prepare(Step::Message, log).await?;
        log.message(copy.len());
        self.wire.message(true);
        // The client ends the last line itself.
        let body = copy.strip_suffix(b"\r\n").unwrap_or(copy);
        let _ = self.smtp.message_iter(body.chunks(CHUNK_LEN)).await;
        self.wire.message(false);
        let heard = self.heard(Step::Message, log).await?;
        self.accept(Step::Message, heard.reply.clone())?;
        self.dirty = false;
        self.sent += 1;
        Ok(heard.reply)
    }

    /// Says goodbye, and does not wait long for an answer.
    pub(super) async fn quit(mut self) {
        if !self.dead && self.wire.begin(pace(self.timeouts.quit, &self.timeouts)) {
            let _ = tokio::time::timeout(self.timeouts.quit, self.smtp.command("QUIT\r\n")).await;
        }
    }

    /// Whether it may carry another copy.
    pub(super) fn is_usable(&self) -> bool {
        !self.dead
    }

    /// Whether it may, and the server has neither hung up nor said anything since.
    pub(super) async fn is_quiet(&self) -> bool {
        !self.dead && self.wire.is_quiet().await
    }

    fn who(&self) -> String {
        who(&self.host, self.address)
    }

    async fn say(&mut self, step: Step, command: &str, log: &mut Transcript) -> Result<Reply, Failure> {
        Ok(self.hear(step, command, log).await?.reply)
    }

    async fn hear(&mut self, step: Step, command: &str, log: &mut Transcript) -> Result<Heard, Failure> {
        log.client(command);
        self.exchange(step, &format!("{command}\r\n"), log).await
    }

    async fn say_hidden(&mut self, step: Step, command: &str, log: &mut Transcript) -> Result<Reply, Failure> {
        Ok(self.exchange(step, &format!("{command}\r\n"), log).await?.reply)
    }

    /// Writes, and reads the first reply.
    async fn exchange(&mut self, step: Step, text: &str, log: &mut Transcript) -> Result<Heard, Failure> {
        self.prepare(step, log).await?;
        let _ = self.smtp.command(text).await;
        self.heard(step, log).await
    }

    /// Reads a further reply.
    async fn listen(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        let _ = self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts));
        let _ = self.smtp.read_response().await;
        self.heard(step, log).await
    }

    /// Sets the time; what the server said unasked is either its goodbye or breaks the protocol: the next reply could
    /// not be told from it.
    async fn prepare(&mut self, step: Step, log: &mut Transcript) -> Result<(), Failure> {
        if self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts)) {
            return Ok(());
        }
        self.dead = true;
        match self.last_words(log).await {
            Some(reply) if reply.code == 421 => Err(Failure::said(step, reply)),
            _ => Err(Failure::protocol(step, format!("{} spoke out of turn", self.who()))),
        }
    }

    async fn last_words(&self, log: &mut Transcript) -> Option<Reply> {
        let heard = self.wire.last_words().await?;
        heard.lines.iter().for_each(|line| log.server(line));
        Some(heard.reply)
    }

    /// The reply that has just come, or why none came.
    async fn heard(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        if let Some(heard) = self.wire.take_reply() {
            heard.lines.iter().for_each(|line| log.server(line));
            return Ok(heard);
        }
        self.dead = true;
        let trouble = self.wire.trouble().unwrap_or(Trouble::Closed);
        self.wire.take_fragment().iter().for_each(|line| log.server(line));
        if trouble != Trouble::Slow
            && let Some(reply) = self.last_words(log).await
            && reply.code >= 400
        {
            return Err(Failure::said(step, reply));
        }
        let failure = Failure::trouble(step, &trouble, &self.who());
        log.note(&failure.reply.text);
        Err(failure)
    }
}

/// TCP, and TLS where it comes first.
async fn connect(target: Target<'_>, custom: Custom<'_>, log: &mut Transcript) -> Result<(Io, Agreed), Failure> {
    let who = who(target.host, target.address);
    log.note(&format!("connecting to {who} port {}", target.address.port()));
    let dial = tokio::time::timeout(custom.timeouts.connect, dial(target.address, target.source)).await;
    let socket = match dial {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Err(unreached(format!("no connection to {who}: {error}"), log)),
        Err(_) => return Err(unreached(format!("{who} did not answer in time"), log)),
    };
    let Security::Implicit { valid } = target.security else {
        return Ok((Io::Plain(socket), Agreed::default()));
    };
    let handshake = custom.tls.handshake(socket, target.host, valid);
    let shaken = tokio::time::timeout(custom.timeouts.handshake, handshake).await;
    match shaken.unwrap_or_else(|_| Err("the handshake took too long".to_owned())) {
        Ok((socket, agreed)) => {
            log.note(&format!("{}, certificate {}", agreed.version, agreed.certificate));
            Ok((Io::Tls(socket), agreed))
        }
        Err(why) => Err(untrusted(Step::Handshake, format!("no TLS with {who}: {why}"))),
    }
}

async fn dial(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads what came of the greeting and the first EHLO or HELO.
fn greet(
    wire: &Wire,
    target: Target<'_>,
    custom: Custom<'_>,
    humility: Humility,
    log: &mut Transcript,
) -> Result<Offers, NotOpened> {
    let who = who(target.host, target.address);
    let mut step = Step::Greeting;
    let verb = if humility.helo { "HELO" } else { "EHLO" };
    loop {
        let Some(heard) = wire.take_reply() else {
            wire.take_fragment().iter().for_each(|line| log.server(line));
            let failure = Failure::trouble(step, &wire.trouble().unwrap_or(Trouble::Closed), &who);
            log.note(&failure.reply.text);
            return Err(failure.into());
        };
        heard.lines.iter().for_each(|line| log.server(line));
        let reply = heard.reply;
        if reply.code < 400 && !reply.is_positive() {
            return Err(Failure::protocol(step, format!("{who} answered {reply} out of turn")).into());
        }
        if !reply.is_positive() {
            let unknown = step == Step::Ehlo && reply.is_permanent() && !humility.helo;
            let failure = Failure::said(step, reply);
            let helo = Humility { helo: true, ..humility };
            return Err(if unknown { NotOpened::Humbler(helo, failure) } else { failure.into() });
        }
        if step == Step::Ehlo {
            return Ok(if humility.helo { Offers::default() } else { Offers::read(&heard.lines) });
        }
        step = Step::Ehlo;
        log.client(&format!("{verb} {}", custom.hostname));
    }
}

fn unreached(text: String, log: &mut Transcript) -> Failure {
    log.note(&text);
    Failure::found(Step::Connect, 451, EnhancedCode(4, 4, 1), BounceClass::NoAnswer, text)
}

fn untrusted(step: Step, text: String) -> Failure {
    Failure::found(step, 454, EnhancedCode(4, 7, 5), BounceClass::TlsOrProtocol, text)
}

fn who(host: &str, address: SocketAddr) -> String {
    let ip = address.ip().to_string();
    if host == ip { ip } else { format!("{host} [{ip}]") }
}

fn pace(read: Duration, timeouts: &Timeouts) -> Pace {
    Pace { write: timeouts.chunk, read }
}

fn reply_time(step: Step, timeouts: &Timeouts) -> Duration {
    match step {
        Step::Lookup => timeouts.lookup,
        Step::Connect => timeouts.connect,
        Step::Handshake => timeouts.handshake,
        Step::Greeting => timeouts.greeting,
        Step::Ehlo | Step::StartTls | Step::Auth => timeouts.ehlo,
        Step::Reset | Step::Mail => timeouts.mail,
        Step::Rcpt => timeouts.rcpt,
        Step::Data => timeouts.data,
        Step::Message => timeouts.final_dot,
    }
}

/// Every CR before an LF, every LF after a CR, no NUL: nothing that another server could take for an end of the message
/// (RFC 5321 section 2.3.8).
fn ends_lines_rightly(copy: &[u8]) -> bool {
    let mut before = None;
    for at in memchr::memchr3_iter(b'\r', b'\n', 0, copy) {
        match copy.get(at) {
            Some(b'\r') if copy.get(at + 1) == Some(&b'\n') => before = Some(at),
            Some(b'\n') if before.is_some_and(|cr| cr + 1 == at) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_seen() {
        for good in [&b""[..], b"a\r\n", b"\r\n\r\n", b"a"] {
            assert!(ends_lines_rightly(good), "{good:?}");
        }
        for bad in [&b"\n"[..], b"\r", b"a\r\r\nb", b"a\n.\r\n", b"a\0\r\n", b"\r\n\n"] {
            assert!(!ends_lines_rightly(bad), "{bad:?}");
        }
    }
}
