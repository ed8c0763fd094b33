//! Why an attempt did not succeed, and whether another host may do better.

use std::io;

use crate::domain::{BounceClass, BounceRules, EnhancedCode, Reply};

/// The steps of an attempt, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Lookup,
    Connect,
    Handshake,
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    Message,
    /// The reply that LMTP has for each recipient of a message (RFC 2033 section 4.2).
    Each,
}

impl Step {
    /// The words after "while" or "at".
    const fn what(self) -> &'static str {
        match self {
            Self::Lookup => "the look-up",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::Each => "the reply for this recipient",
        }
    }
}

/// What went wrong with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A step took longer than it may.
    Slow,
    /// The other side hung up.
    Closed,
    /// The network failed.
    Io(String),
    /// What came is no SMTP, or too much of it.
    Protocol(String),
}

impl From<&io::Error> for Trouble {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Slow,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Closed,
            io::ErrorKind::InvalidData => Self::Protocol(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

/// One host's refusal or failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reply: Reply,
    pub(super) class: BounceClass,
    pub(super) permanent: bool,
    pub(super) step: Step,
    /// Whether a server said it; else it is our own finding.
    pub(super) spoken: bool,
}

impl Failure {
    /// A refusal of `host`.
    pub(super) fn said(step: Step, reply: Reply, rules: &BounceRules, host: &str) -> Self {
        // Before RCPT nothing was said of the recipient yet.
        let class = match rules.class(&reply, host) {
            about_recipient if about_recipient.is_final() && step < Step::Rcpt => BounceClass::Policy,
            class => class,
        };
        Self { class, permanent: reply.is_permanent(), step, spoken: true, reply }
    }

    /// Our own finding; `code` decides whether it is for good.
    pub(super) fn found(step: Step, code: u16, enhanced: EnhancedCode, class: BounceClass, text: String) -> Self {
        let reply = Reply::local(code, enhanced, text);
        Self { permanent: reply.is_permanent(), reply, class, step, spoken: false }
    }

    /// TLS or the protocol went wrong: temporary.
    pub(super) fn protocol(step: Step, text: String) -> Self {
        Self::found(step, 451, EnhancedCode(4, 5, 0), BounceClass::TlsOrProtocol, text)
    }

    /// The connection failed at a step: temporary. `host` is name and address, for the text.
    pub(super) fn trouble(step: Step, trouble: &Trouble, host: &str) -> Self {
        let at = step.what();
        match trouble {
            Trouble::Slow => {
                let text = format!("{host} took too long at {at}");
                Self::found(step, 451, EnhancedCode(4, 4, 2), BounceClass::NoAnswer, text)
            }
            Trouble::Closed => {
                let text = format!("{host} closed the connection at {at}");
                Self::found(step, 451, EnhancedCode(4, 4, 2), BounceClass::NoAnswer, text)
            }
            Trouble::Io(cause) => {
                let text = format!("the connection to {host} failed at {at}: {cause}");
                Self::found(step, 451, EnhancedCode(4, 4, 2), BounceClass::NoAnswer, text)
            }
            Trouble::Protocol(cause) => Self::protocol(step, format!("{host} broke the protocol at {at}: {cause}")),
        }
    }

    /// The same, but to be tried again whatever the code says.
    pub(super) fn softened(self) -> Self {
        Self { permanent: false, ..self }
    }

    /// Whether the next host may be asked within this attempt. A 5xx ends it once the session stood; a 4xx to RCPT or
    /// later does too, since it is about the recipient or the message and not about the host (greylisting mostly).
    pub(super) fn lets_next_host(&self) -> bool {
        match self.step {
            Step::Lookup
            | Step::Connect
            | Step::Handshake
            | Step::Greeting
            | Step::Ehlo
            | Step::StartTls
            | Step::Auth
            | Step::Reset => true,
            Step::Mail => !self.permanent,
            Step::Rcpt | Step::Data => self.ends_session() && !self.permanent,
            Step::Message | Step::Each => false,
        }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn ends_session(&self) -> bool {
        !self.spoken || self.reply.code == 421
    }

    /// Whether this recipient is only one too many for the transaction (RFC 5321 section 4.5.3.1.10).
    pub(super) fn says_too_many(&self) -> bool {
        let enhanced = self.reply.enhanced;
        let named = enhanced.is_some_and(|code| (code.1, code.2) == (5, 3));
        self.spoken
            && self.step == Step::Rcpt
            && (named && matches!(self.reply.code, 452 | 552) || enhanced.is_none() && self.reply.code == 452)
    }

    /// Whether a server says it of a mailbox, whichever step it says it at.
    pub(super) fn is_about_someone(&self) -> bool {
        self.spoken && (self.class.is_final() || self.class == BounceClass::MailboxFull)
    }

    /// Of two failures of one attempt the one to report: temporary over permanent (another host may still take it),
    /// spoken over found, a later step over an earlier one.
    pub(super) fn tells_more_than(&self, other: &Self) -> bool {
        let weight = |f: &Self| (!f.permanent, f.spoken, f.step);
        weight(self) > weight(other)
    }
}
