//! What goes into an attempt, and what comes out.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use super::outage::Reach;
use super::pace::Word;
use crate::domain::{Address, BounceClass, Domain, EnhancedCode, Outcome, Reply, Timestamp, Wishes};
use crate::store::Due;

/// Makes a copy without 8-bit text, or says why there is none.
pub type SevenBit<'a> = &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>> + Send + Sync);

/// One copy, for one recipient or several who share it.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    /// `None` is the null reverse path.
    pub reverse_path: Option<&'a Address>,
    /// Whose server gets it.
    pub domain: &'a Domain,
    /// All at that domain, or at others whose mail goes to the same servers; at most 64.
    pub recipients: &'a [Address],
    /// The complete message; every line ends in CRLF.
    pub copy: &'a [u8],
    /// Whether its header fields are internationalised.
    pub utf8: bool,
    /// The copy for a server that takes no 8-bit text.
    pub seven_bit: SevenBit<'a>,
    /// What the sender asked to be told.
    pub wishes: &'a Wishes,
    /// The addresses that it leaves from; empty for those of the settings.
    pub sources: &'a [IpAddr],
    /// `None` is as the settings say, with as many connections as it takes.
    pub speed: Option<Speed>,
}

/// How fast a site may be approached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    /// Connections open at one time, idle ones among them.
    pub connections: usize,
    /// Messages over one connection; 1 switches reuse off.
    pub messages_per_connection: u32,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiving server took responsibility.
    Handed(Reply),
    /// To be tried again.
    Temporary(Reply, BounceClass),
    /// Refused for good.
    Permanent(Reply, BounceClass),
}

/// An attempt to reach one recipient, and its circumstances. Host, address and TLS are those of the server that gave the answer, else of the
/// last that was tried, and empty where there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// What it came to.
    pub result: Answer,
    /// Whether a server said it; else it is our own finding.
    pub spoken: bool,
    /// Whether that server reports to the sender itself (it offers DSN, RFC 3461).
    pub reports: bool,
    /// The host's name.
    pub mx: String,
    /// Its address.
    pub ip: String,
    /// `TLSv1.3`, `TLSv1.2`, or empty for plain.
    pub tls: String,
    /// What its certificate is worth; empty without TLS.
    pub certificate: String,
    /// Lines that begin with their time and `C: `, `S: ` or `-- `, at most 16 KiB; without the message, without passwords,
    /// and without those whom it was shared with.
    pub transcript: String,
    /// How long it took.
    pub ms: u64,
    /// What shares limits with it: the best mail exchanger of the domain, or the named host; empty when unknown.
    pub site: String,
    /// How far it got: whether it says anything about the receiver at all.
    pub reach: Reach,
}

/// What an attempt says about the pace of its site, and the reply or failure that says it.
pub(super) fn word_of(attempts: &[Attempted]) -> (Word, String) {
    let too_fast = |one: &&Attempted| match &one.result {
        Answer::Temporary(reply, class) | Answer::Permanent(reply, class) => {
            // x.2.x is about a mailbox that gets too much, and not about the site (RFC 3463 section 3.3).
            let site = reply.enhanced.is_none_or(|code| code.1 != 2);
            one.spoken && site && (reply.code == 421 || *class == BounceClass::RateLimited)
        }
        Answer::Handed(_) => false,
    };
    let no_server = |one: &&Attempted| matches!(one.reach, Reach::NoServer(_));
    if let Some(one) = attempts.iter().find(too_fast) {
        (Word::TooFast, one.reply().to_string())
    } else if attempts.iter().any(|one| one.spoken) {
        (Word::Answered, String::new())
    } else if let Some(one) = attempts.iter().find(no_server) {
        (Word::Silent, one.reply().to_string())
    } else {
        (Word::Other, String::new())
    }
}

impl Attempted {
    fn reply(&self) -> &Reply {
        match &self.result {
            Answer::Handed(reply) | Answer::Temporary(reply, _) | Answer::Permanent(reply, _) => reply,
        }
    }

    /// The sandbox took it.
    pub(super) fn kept_in_the_inbox() -> Self {
        let reply = Reply::local(250, EnhancedCode(2, 0, 0), "kept in the sandbox inbox; nothing left this machine");
        Self {
            result: Answer::Handed(reply),
            spoken: false,
            reports: false,
            mx: String::new(),
            ip: String::new(),
            tls: String::new(),
            certificate: String::new(),
            transcript: String::new(),
            ms: 0,
            site: String::new(),
            reach: Reach::Server(String::new()),
        }
    }

    /// One line an attempt, with all that is asked when a mail is looked for.
    pub(super) fn log(&self, due: &Due, outcome: &Outcome, bytes: usize, now: Timestamp) {
        let word = match outcome {
            Outcome::Delivered(_) => "delivered",
            Outcome::Deferred { .. } => "deferred",
            Outcome::Bounced { .. } => "bounced",
            Outcome::Expired { .. } => "expired",
        };
        let (delivery, mail, domain) = (due.delivery, due.message, due.address.domain());
        let (reply, attempt, latency_ms) = (outcome.reply(), due.attempts + 1, self.ms);
        let (mx, ip, tls) = (&self.mx, &self.ip, &self.tls);
        let (code, enhanced) = (reply.code, reply.enhanced.map(|e| e.to_string()).unwrap_or_default());
        let queued_ms = u64::try_from(now.since(due.accepted_at).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            %mail, %delivery, %domain, attempt, mx, ip, tls, code, enhanced, latency_ms, queued_ms, bytes, "{word}"
        );
    }
}
