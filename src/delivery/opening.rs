//! How a session begins: connection, greeting, encryption, login.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::Instant;

use crate::domain::{BounceClass, BounceRules, EnhancedCode};

use super::failure::{Failure, Step, Trouble};
use super::host::{Login, Peer, Protocol};
use super::offers::Offers;
use super::session::{Session, pace, who};
use super::settings::Timeouts;
use super::tls::{Agreed, Tls};
use super::transcript::Transcript;
use super::wire::{Io, Wire};

/// Whether and when a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// When the server offers it; any certificate will do.
    Opportunistic,
    /// STARTTLS or nothing.
    Demanded {
        /// Whether the certificate must be valid.
        valid: bool,
    },
    /// From the first byte on.
    Implicit {
        /// Whether the certificate must be valid.
        valid: bool,
    },
    /// Never, whatever the server offers.
    Plain,
}

/// Whom to talk to, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// The name, for TLS and texts.
    pub(super) host: &'a str,
    /// What a session with it is kept under.
    pub(super) key: &'a str,
    pub(super) peer: &'a Peer,
    pub(super) source: Option<IpAddr>,
    pub(super) protocol: Protocol,
    pub(super) security: Security,
    pub(super) login: Option<&'a Login>,
}

/// What every session of a courier has in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Custom<'a> {
    pub(super) hostname: &'a str,
    pub(super) timeouts: &'a Timeouts,
    pub(super) tls: &'a Tls,
    pub(super) rules: &'a BounceRules,
}

/// What is done less well than it could be, after the better way failed with this server.
#[derive(Debug, Clone, Copy, Default)]
struct Humility {
    helo: bool,
    plain: bool,
}

/// The verb of the first command.
fn hello(protocol: Protocol, humility: Humility) -> &'static str {
    match protocol {
        Protocol::Smtp if humility.helo => "HELO",
        Protocol::Smtp => "EHLO",
        Protocol::Lmtp => "LHLO",
    }
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
        let wire = Wire::new(io, pace(timeouts.greeting, timeouts), hello(target.protocol, humility));
        let id = ClientId::Domain(custom.hostname.to_owned());
        let opened = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &id).await;
        let offers = greet(&wire, target, custom, humility, log)?;
        let Ok(smtp) = opened else {
            return Err(Failure::protocol(Step::Ehlo, format!("{} could not be understood", target.host)).into());
        };
        wire.opened();
        let mut session = Self {
            host: target.host.to_owned(),
            key: target.key.to_owned(),
            peer: target.peer.clone(),
            protocol: target.protocol,
            agreed,
            sent: 0,
            wire,
            smtp,
            offers,
            timeouts: timeouts.clone(),
            rules: custom.rules.clone(),
            downgraded: false,
            dirty: false,
            dead: false,
            seat: None,
            sources: Vec::new(),
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
        let (demanded, valid) = match target.security {
            Security::Implicit { .. } => return Ok(()),
            Security::Plain | Security::Opportunistic => (false, false),
            Security::Demanded { valid } => (true, valid),
        };
        if !self.offers.starttls && demanded {
            let what = if target.login.is_some() { "a password does" } else { "mail for it does" };
            let text = format!("{} offers no STARTTLS, and {what} not go in plain", self.who());
            return Err(untrusted(Step::StartTls, text).into());
        }
        self.downgraded = self.offers.starttls;
        if !self.offers.starttls || humility.plain || target.security == Security::Plain {
            return Ok(());
        }
        let reply = self.say(Step::StartTls, "STARTTLS", log).await?;
        if reply.code != 220 && demanded {
            return Err(self.refused(Step::StartTls, reply).softened().into());
        }
        if reply.code != 220 {
            return if reply.code == 421 { Err(self.refused(Step::StartTls, reply).into()) } else { Ok(()) };
        }
        match self.shake_hands(target, custom, valid).await {
            Ok(agreed) => {
                log.note(&agreed.to_string());
                self.agreed = agreed;
                self.downgraded = false;
            }
            Err(why) => {
                self.dead = true;
                let failure = untrusted(Step::Handshake, format!("no TLS with {}: {why}", self.who()));
                let plain = Humility { plain: true, ..humility };
                return Err(if demanded { failure.into() } else { NotOpened::Humbler(plain, failure) });
            }
        }
        // What was offered in plain counts no more (RFC 3207 section 4.2).
        let hello = hello(self.protocol, Humility::default());
        let heard = self.hear(Step::Ehlo, &format!("{hello} {}", custom.hostname), log).await?;
        if !heard.reply.is_positive() {
            return Err(self.refused(Step::Ehlo, heard.reply).into());
        }
        self.offers = Offers::read(&heard.lines);
        Ok(())
    }

    async fn shake_hands(&self, target: Target<'_>, custom: Custom<'_>, valid: bool) -> Result<Agreed, String> {
        let Some(socket) = self.wire.take_plain() else {
            return Err("it sent something between its reply and the handshake".to_owned());
        };
        let handshake = custom.tls.handshake(socket, target.host, valid);
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
        if reply.is_positive() { Ok(()) } else { Err(self.refused(Step::Auth, reply).softened()) }
    }
}

/// A connection, and TLS where it comes first.
async fn connect(target: Target<'_>, custom: Custom<'_>, log: &mut Transcript) -> Result<(Io, Agreed), Failure> {
    let who = who(target.host, target.peer);
    match target.peer {
        Peer::Ip(address) => log.note(&format!("connecting to {who} port {}", address.port())),
        Peer::Socket(_) => log.note(&format!("connecting to {who}")),
    }
    let dial = tokio::time::timeout(custom.timeouts.connect, dial(target.peer, target.source)).await;
    let io = match dial {
        Ok(Ok(io)) => io,
        Ok(Err(error)) => return Err(unreached(format!("no connection to {who}: {}", cause(&error)), log)),
        Err(_) => return Err(unreached(format!("{who} did not answer in time"), log)),
    };
    let (socket, valid) = match (io, target.security) {
        (Io::Plain(socket), Security::Implicit { valid }) => (socket, valid),
        (io, _) => return Ok((io, Agreed::default())),
    };
    let handshake = custom.tls.handshake(socket, target.host, valid);
    let shaken = tokio::time::timeout(custom.timeouts.handshake, handshake).await;
    match shaken.unwrap_or_else(|_| Err("the handshake took too long".to_owned())) {
        Ok((socket, agreed)) => {
            log.note(&agreed.to_string());
            Ok((Io::Tls(socket), agreed))
        }
        Err(why) => Err(untrusted(Step::Handshake, format!("no TLS with {who}: {why}"))),
    }
}

/// Without the number of the system's error.
fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_owned()
}

async fn dial(peer: &Peer, source: Option<IpAddr>) -> std::io::Result<Io> {
    match peer {
        Peer::Ip(address) => Ok(Io::Plain(dial_tcp(*address, source).await?)),
        Peer::Socket(path) => Ok(Io::Unix(UnixStream::connect(path).await?)),
    }
}

async fn dial_tcp(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads what came of the greeting and the first command.
fn greet(
    wire: &Wire,
    target: Target<'_>,
    custom: Custom<'_>,
    humility: Humility,
    log: &mut Transcript,
) -> Result<Offers, NotOpened> {
    let who = who(target.host, target.peer);
    let mut step = Step::Greeting;
    let verb = hello(target.protocol, humility);
    loop {
        let Some((heard, at)) = wire.take_reply() else {
            log.server(&wire.take_fragment(), Instant::now());
            let failure = Failure::trouble(step, &wire.trouble().unwrap_or(Trouble::Closed), &who);
            log.note(&failure.reply.text);
            return Err(failure.into());
        };
        log.server(&heard.lines, at);
        let reply = heard.reply;
        if reply.code < 400 && !reply.is_positive() {
            return Err(Failure::protocol(step, format!("{who} answered {reply} out of turn")).into());
        }
        if !reply.is_positive() {
            // LMTP has nothing humbler (RFC 2033 section 4.1).
            let unknown = step == Step::Ehlo && reply.is_permanent() && verb == "EHLO";
            let failure = Failure::said(step, reply, custom.rules, target.host);
            let helo = Humility { helo: true, ..humility };
            return Err(if unknown { NotOpened::Humbler(helo, failure) } else { failure.into() });
        }
        if step == Step::Ehlo {
            return Ok(if humility.helo { Offers::default() } else { Offers::read(&heard.lines) });
        }
        step = Step::Ehlo;
        log.client_at(&format!("{verb} {}", custom.hostname), at);
    }
}

fn unreached(text: String, log: &mut Transcript) -> Failure {
    log.note(&text);
    Failure::found(Step::Connect, 451, EnhancedCode(4, 4, 1), BounceClass::NoAnswer, text)
}

fn untrusted(step: Step, text: String) -> Failure {
    Failure::found(step, 454, EnhancedCode(4, 7, 5), BounceClass::TlsOrProtocol, text)
}
