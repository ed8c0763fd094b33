//! The dialogue of a sender: pure, lines in, steps out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::settings::Settings;
use super::{Credentials, HasRoom, Sink, Submitted};
use crate::domain::{Address, Credential, Domain, Envelope, Guard, Priority, Profile, RecipientWish, Wishes};
use crate::server::{Chunk, Machine, Pending, Received, Step};
use crate::smtp::capability::Capabilities;
use crate::smtp::command::{self, Command};
use crate::smtp::receiver::Fault;
use crate::smtp::reply::Reply;

/// From this many bad commands on, each costs a pause.
const STRIKES_SLOW: u32 = 10;
/// At this many the session ends.
const STRIKES_MAX: u32 = 20;
/// That pause.
const STRIKE_PAUSE: Duration = Duration::from_secs(1);
/// The largest header block, in octets.
const HEADER_MAX: usize = 1 << 20;
/// More `Received` fields than this are a loop (RFC 5321 section 6.3).
const RECEIVED_MAX: usize = 100;

/// What all sessions share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) tls_offered: bool,
    pub(super) credentials: Credentials,
    pub(super) guard: Guard,
    pub(super) has_room: HasRoom,
    pub(super) sink: Sink,
}

/// Who the client turned out to be.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) credential: Arc<Credential>,
    pub(super) campaign: Option<String>,
    pub(super) authenticated: bool,
}

/// A transaction.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    reverse_path: Option<Address>,
    forward_paths: Vec<Address>,
    wishes: Wishes,
    canonical: std::collections::HashSet<String>,
    /// Whether addresses and header fields may be internationalised.
    utf8: bool,
    /// Chunks of its message have come.
    in_chunks: bool,
}

/// One session's state.
pub(super) struct State {
    pub(super) shared: Arc<Shared>,
    pub(super) client: IpAddr,
    helo: Option<String>,
    tls: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) exchange: Exchange,
    pub(super) transaction: Option<Transaction>,
    strikes: u32,
    pub(super) wrong_passwords: u32,
}

impl State {
    pub(super) fn new(shared: Arc<Shared>, client: IpAddr) -> Self {
        let identity = shared.settings.trusted_networks.iter().any(|net| net.contains(&client)).then(|| Identity {
            credential: Arc::new(network_credential()),
            campaign: None,
            authenticated: false,
        });
        Self {
            shared,
            client,
            helo: None,
            tls: None,
            identity,
            exchange: Exchange::None,
            transaction: None,
            strikes: 0,
            wrong_passwords: 0,
        }
    }

    pub(super) fn auth_allowed(&self) -> bool {
        self.tls.is_some() || self.shared.settings.insecure_auth.allows(self.client)
    }

    fn command(&mut self, command: Command, now: Instant) -> Step {
        match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            Command::StartTls => self.start_tls(),
            Command::Auth(mechanism, initial) => self.auth(&mechanism, initial, now),
            Command::Mail { reverse_path, size, utf8, ret, envelope_id } => {
                self.mail(reverse_path, (size, utf8), Wishes { ret, envelope_id, ..Wishes::default() })
            }
            Command::Rcpt(address, wish) => self.rcpt(address, wish),
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.transaction = None;
                ok((2, 0, 0), "forgotten")
            }
            Command::Noop => ok((2, 0, 0), "ok"),
            Command::Vrfy => Step::Reply(Reply::new(252, (2, 5, 0), "it will be tried")),
            Command::Help => {
                Step::Reply(Reply::new(214, (2, 0, 0), "EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET VRFY NOOP QUIT"))
            }
            Command::Quit => Step::Close(Reply::new(221, (2, 0, 0), "goodbye")),
        }
    }

    fn hello(&mut self, name: String, extended: bool) -> Step {
        self.helo = Some(name);
        self.transaction = None;
        let settings = &self.shared.settings;
        if !extended {
            return Step::Reply(Reply::plain(250, vec![settings.hostname.clone()]));
        }
        let capabilities = Capabilities {
            size: settings.max_message_bytes,
            starttls: self.shared.tls_offered && self.tls.is_none(),
            auth: self.auth_allowed(),
        };
        Step::Reply(capabilities.reply(&settings.hostname))
    }

    fn start_tls(&mut self) -> Step {
        if self.tls.is_some() {
            return self.strike(Reply::new(503, (5, 5, 1), "TLS is on already"));
        }
        if !self.shared.tls_offered {
            return self.strike(Reply::new(502, (5, 5, 1), "STARTTLS is not offered"));
        }
        Step::StartTls(Reply::new(220, (2, 0, 0), "begin TLS"))
    }

    fn mail(&mut self, reverse_path: Option<Address>, (size, utf8): (u64, bool), wishes: Wishes) -> Step {
        if self.helo.is_none() {
            return self.strike(Reply::new(503, (5, 5, 1), "say EHLO first"));
        }
        let Some(identity) = &self.identity else {
            return self.strike(Reply::new(530, (5, 7, 0), "log in first: AUTH with a credential of this relay"));
        };
        if self.transaction.is_some() {
            return self.strike(Reply::new(503, (5, 5, 1), "a transaction is open; RSET ends it"));
        }
        if size > self.shared.settings.max_message_bytes {
            return Step::Reply(self.too_large());
        }
        if !(self.shared.has_room)() {
            return Step::Reply(Reply::new(452, (4, 3, 1), "no storage left; try again later"));
        }
        let credential = &identity.credential;
        if let Some(address) = reverse_path.as_ref().filter(|a| !credential.may_send_as(a.domain())) {
            let own: Vec<_> = credential.domains.iter().map(Domain::as_str).collect();
            let why = format!("{} may send as {} only, not as {address}", credential.name, own.join(", "));
            return Step::Reply(Reply::new(550, (5, 7, 1), why));
        }
        let (forward_paths, canonical) = (Vec::new(), std::collections::HashSet::new());
        self.transaction = Some(Transaction { reverse_path, forward_paths, wishes, canonical, utf8, in_chunks: false });
        ok((2, 1, 0), "sender ok")
    }

    fn too_large(&self) -> Reply {
        let most = self.shared.settings.max_message_bytes;
        Reply::new(552, (5, 3, 4), format!("the message is larger than the {most} octets taken here"))
    }

    fn rcpt(&mut self, address: Address, wish: RecipientWish) -> Step {
        let most = self.shared.settings.max_recipients;
        let Some(transaction) = &mut self.transaction else {
            return self.strike(Reply::new(503, (5, 5, 1), "MAIL first"));
        };
        if transaction.in_chunks {
            return self.strike(Reply::new(503, (5, 5, 1), "the message has begun; RSET ends it"));
        }
        if !address.is_ascii() && !transaction.utf8 {
            let why = "an address that is not ASCII needs the parameter SMTPUTF8 with MAIL";
            return Step::Reply(Reply::new(553, (5, 6, 7), why));
        }
        if transaction.canonical.contains(&address.canonical()) {
            return ok((2, 1, 5), "recipient ok, named before");
        }
        if transaction.forward_paths.len() >= most {
            return Step::Reply(Reply::new(452, (4, 5, 3), format!("no more than {most} recipients a message")));
        }
        transaction.canonical.insert(address.canonical());
        transaction.wishes.add(&address, wish);
        transaction.forward_paths.push(address);
        ok((2, 1, 5), "recipient ok")
    }

    fn data(&mut self) -> Step {
        match &self.transaction {
            None => self.strike(Reply::new(503, (5, 5, 1), "MAIL and RCPT first")),
            Some(transaction) if transaction.in_chunks => {
                self.strike(Reply::new(503, (5, 5, 1), "the message has begun with BDAT"))
            }
            Some(transaction) if transaction.forward_paths.is_empty() => {
                self.strike(Reply::new(554, (5, 5, 1), "no valid recipients"))
            }
            Some(_) => {
                let go = Reply::plain(354, vec!["end with a dot on a line of its own".to_owned()]);
                Step::ReadMessage(go, self.shared.settings.max_message_bytes)
            }
        }
    }

    /// The message, or why it is not taken.
    fn refusal(&self, received: Received) -> Result<(Vec<u8>, bool), Reply> {
        let spoilt = |why| Err(Reply::new(554, (5, 6, 0), why));
        match received {
            Received::Message { bytes, eight_bit } => Ok((bytes, eight_bit)),
            Received::TooLarge => Err(self.too_large()),
            Received::Spoiled(Fault::BareCr) => spoilt("a CR without LF is in the message; end each line with CR LF"),
            Received::Spoiled(Fault::Nul) => spoilt("a NUL octet is in the message"),
            Received::NoRoom => Err(Reply::new(452, (4, 3, 1), "no room now; try again later")),
        }
    }

    /// The octets of a chunk follow whatever is said of it, so they are read in any case (RFC 3030 section 2).
    fn bdat(&mut self, size: u64, last: bool) -> Step {
        let most = self.shared.settings.max_message_bytes;
        match &mut self.transaction {
            Some(transaction) if !transaction.forward_paths.is_empty() => {
                let first = !std::mem::replace(&mut transaction.in_chunks, true);
                Step::ReadChunk(Chunk { size, first, last, most })
            }
            Some(_) => self.skip(size, Reply::new(554, (5, 5, 1), "no valid recipients")),
            None => self.skip(size, Reply::new(503, (5, 5, 1), "MAIL and RCPT first")),
        }
    }

    fn skip(&mut self, size: u64, reply: Reply) -> Step {
        match self.strike(reply.clone()) {
            close @ Step::Close(_) => close,
            _ => Step::SkipChunk(size, reply),
        }
    }

    /// A bad command costs patience.
    pub(super) fn strike(&mut self, reply: Reply) -> Step {
        self.strikes += 1;
        if self.strikes >= STRIKES_MAX {
            return Step::Close(Reply::new(421, (4, 7, 0), "too many bad commands"));
        }
        if self.strikes >= STRIKES_SLOW { Step::Slowly(STRIKE_PAUSE, reply) } else { Step::Reply(reply) }
    }
}

impl Machine for State {
    fn greet(&mut self) -> Reply {
        Reply::plain(220, vec![format!("{} ESMTP Postrider", self.shared.settings.hostname)])
    }

    fn line(&mut self, line: &[u8], now: Instant) -> Step {
        if self.exchange != Exchange::None {
            return self.answer(line, now);
        }
        match command::parse(line) {
            Ok(command) => self.command(command, now),
            // How many octets follow is not known, and they must not be read as commands.
            Err(reply) if line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT")) => Step::Close(reply),
            Err(reply) => self.strike(reply),
        }
    }

    fn long_line(&mut self) -> Step {
        self.exchange = Exchange::None;
        self.strike(Reply::new(500, (5, 5, 2), "the line is too long"))
    }

    fn bare_line_feed(&mut self) -> Step {
        self.strike(Reply::new(500, (5, 5, 2), "end each line with CR LF"))
    }

    fn line_max(&self) -> usize {
        // An initial response may stand on the line of AUTH itself.
        let may_log_in = self.identity.is_none() || self.exchange != Exchange::None;
        if may_log_in { command::AUTH_LINE_MAX } else { command::LINE_MAX }
    }

    fn tls_started(&mut self, version: &str) {
        let (shared, client) = (Arc::clone(&self.shared), self.client);
        let (strikes, wrong_passwords) = (self.strikes, self.wrong_passwords);
        *self = Self::new(shared, client);
        (self.strikes, self.wrong_passwords) = (strikes, wrong_passwords);
        self.tls = Some(version.to_owned());
    }

    fn chunk(&mut self, size: u64, spoilt: Option<Received>) -> Reply {
        match spoilt.map(|spoilt| self.refusal(spoilt)) {
            None | Some(Ok(_)) => Reply::new(250, (2, 0, 0), format!("{size} octets received")),
            Some(Err(reply)) => {
                self.transaction = None;
                reply
            }
        }
    }

    fn in_chunks(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.in_chunks)
    }

    fn received(&mut self, received: Received) -> Pending {
        let refuse = |reply: Reply| -> Pending { Box::pin(std::future::ready(reply)) };
        let transaction = self.transaction.take();
        let (bytes, eight_bit) = match self.refusal(received) {
            Ok(whole) => whole,
            Err(reply) => return refuse(reply),
        };
        if let Err(reply) = check_header(&bytes) {
            return refuse(reply);
        }
        let (Some(transaction), Some(identity)) = (transaction, self.identity.clone()) else {
            return refuse(Reply::new(503, (5, 5, 1), "MAIL and RCPT first"));
        };
        let Transaction { reverse_path, forward_paths, wishes, utf8, .. } = transaction;
        let envelope = Envelope { reverse_path, forward_paths, wishes };
        (self.shared.sink)(Submitted {
            credential: identity.credential,
            campaign: identity.campaign,
            client: self.client,
            helo: self.helo.clone().unwrap_or_default(),
            tls: self.tls.clone(),
            authenticated: identity.authenticated,
            envelope,
            utf8,
            body: bytes,
            eight_bit,
        })
    }
}

fn ok(code: (u8, u16, u16), text: &str) -> Step {
    Step::Reply(Reply::new(250, code, text))
}

/// Mail of a trusted network counts as sent by this.
fn network_credential() -> Credential {
    Credential {
        name: "network".to_owned(),
        domains: Vec::new(),
        profile: Profile::Campaign,
        source_addresses: Vec::new(),
        expire: None,
        priority: Priority::Normal,
        secret_sha256: [0; 32],
    }
}

/// The header block's size, and how often the message was received before.
fn check_header(bytes: &[u8]) -> Result<(), Reply> {
    let window = bytes.get(..HEADER_MAX + 4).unwrap_or(bytes);
    let starts_empty = window.starts_with(b"\r\n");
    let end = if starts_empty { Some(0) } else { memchr::memmem::find(window, b"\r\n\r\n") };
    let header = match end {
        Some(end) => &window[..end],
        None if bytes.len() > HEADER_MAX => {
            return Err(Reply::new(552, (5, 3, 4), "the header block is larger than 1 MiB"));
        }
        None => window,
    };
    let is_received = |line: &[u8]| line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"received:"));
    let hops = header.split(|b| *b == b'\n').filter(|line| is_received(line)).count();
    if hops > RECEIVED_MAX {
        return Err(Reply::new(554, (5, 4, 6), "the message has been through too many hosts; it loops"));
    }
    Ok(())
}
