//! Feedback reports of mailbox providers (RFC 5965): of what kind they are, and whose copy of which message they return.
//!
//! A report may be redacted (RFC 6590) or hold the returned message's header alone, so all that may name the delivery is
//! taken out: what stands where our tokens stand, the Message-ID, and for whom it was.

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::header::HeaderBlock;
use super::nesting;
use crate::domain::Token;
use crate::domain::token::TOKEN_MAX;

/// A larger report is not read, in octets.
pub const REPORT_MAX: usize = 10 << 20;
/// What may be a token, of one report.
const TOKENS_MAX: usize = 64;
/// Places of one text at which a token may begin.
const PLACES_MAX: usize = 10_000;
/// Recipients that a report names.
const RECIPIENTS_MAX: usize = 20;
/// Of a field that is only shown, in characters.
const SHOWN_MAX: usize = 80;

/// What a report is about, by the registry of RFC 5965 section 7.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedbackType {
    /// Unsolicited mail.
    Abuse,
    /// Fraud or phishing.
    Fraud,
    /// A virus that a program found.
    Virus,
    /// No spam after all (RFC 6430).
    NotSpam,
    /// A signature or an address that failed a check (RFC 6591).
    AuthFailure,
    /// Anything else.
    Other,
    /// A word that is not registered.
    Unregistered(String),
}

impl FeedbackType {
    fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "abuse" => Self::Abuse,
            "fraud" => Self::Fraud,
            "virus" => Self::Virus,
            "not-spam" => Self::NotSpam,
            "auth-failure" => Self::AuthFailure,
            "other" => Self::Other,
            _ => Self::Unregistered(text.to_owned()),
        }
    }

    /// Whether a person does not want such mail. What a program found says nothing of what a person wants, and `other` says
    /// nothing at all: nobody is kept from mail for that.
    pub const fn is_complaint(&self) -> bool {
        match self {
            Self::Abuse | Self::Fraud => true,
            Self::Virus | Self::NotSpam | Self::AuthFailure | Self::Other | Self::Unregistered(_) => false,
        }
    }

    /// The word, as it was written where it is not registered.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Abuse => "abuse",
            Self::Fraud => "fraud",
            Self::Virus => "virus",
            Self::NotSpam => "not-spam",
            Self::AuthFailure => "auth-failure",
            Self::Other => "other",
            Self::Unregistered(word) => word,
        }
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// What it is about.
    pub feedback_type: FeedbackType,
    /// For whom the returned message was (`Original-Rcpt-To`), as far as that was not redacted.
    pub recipients: Vec<String>,
    /// When the returned message came to the provider, as written; empty when not said. So are the next two.
    pub arrival_date: String,
    /// From which address it came.
    pub source_ip: String,
    /// What wrote the report.
    pub user_agent: String,
    /// What may be one of our tokens in the returned message, those of `List-Unsubscribe` first.
    pub tokens: Vec<String>,
    /// The returned message's `Message-ID`, as the store has it; empty when it has none.
    pub message_id: String,
}

/// Why something is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackFault {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// See [`REPORT_MAX`].
    #[error("it is larger than {} MiB", REPORT_MAX >> 20)]
    TooLarge,
    /// Another mail.
    #[error("it is no feedback report (RFC 5965): it has no part of the type message/feedback-report")]
    NoReport,
    /// RFC 5965 section 3.1 demands the field.
    #[error("its message/feedback-report part has no Feedback-Type")]
    NoType,
}

impl Feedback {
    /// Reads a report as it came by mail.
    pub fn read(raw: &[u8]) -> Result<Self, FeedbackFault> {
        if raw.len() > REPORT_MAX {
            return Err(FeedbackFault::TooLarge);
        }
        if raw.trim_ascii().is_empty() {
            return Err(FeedbackFault::Empty);
        }
        let mail = nesting::parse(raw).ok_or(FeedbackFault::NoReport)?;
        let at = mail.parts.iter().position(is_report).ok_or(FeedbackFault::NoReport)?;
        let (own, behind) = mail.parts.split_at(at + 1);
        let own = own.last().map_or(&b""[..], MessagePart::contents);
        // Some begin with an empty line, which would end a header.
        let fields = HeaderBlock::read(own.trim_ascii_start());
        let word = fields.text("Feedback-Type");
        if word.is_empty() {
            return Err(FeedbackFault::NoType);
        }
        let shown = |name| fields.text(name).chars().take(SHOWN_MAX).collect();
        let recipients = fields.all("Original-Rcpt-To").take(RECIPIENTS_MAX);
        let returned = Returned::read(behind);
        Ok(Self {
            feedback_type: FeedbackType::parse(&word.chars().take(SHOWN_MAX).collect::<String>()),
            recipients: recipients.map(|field| mailbox(&fields.text_of(field))).collect(),
            arrival_date: shown("Arrival-Date"),
            source_ip: shown("Source-IP"),
            user_agent: shown("User-Agent"),
            tokens: returned.tokens,
            message_id: returned.message_id,
        })
    }
}

fn is_report(part: &MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|kind| {
        let subtype = kind.subtype().unwrap_or_default();
        kind.ctype().eq_ignore_ascii_case("message") && subtype.eq_ignore_ascii_case("feedback-report")
    })
}

/// `<ann@b.example>`, `rfc822; ann@b.example` or the address alone.
fn mailbox(text: &str) -> String {
    let text = text.rsplit_once(';').map_or(text, |(_, address)| address);
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(text, |(address, _)| address).trim().to_owned()
}

/// The returned message, whole or its header, whatever type its part has.
#[derive(Default)]
struct Returned {
    tokens: Vec<String>,
    message_id: String,
}

impl Returned {
    fn read(parts: &[MessagePart<'_>]) -> Self {
        let mut returned = Self::default();
        // The header's tokens come first: a body may quote other mail.
        parts.iter().for_each(|part| returned.header(raw_of(part)));
        for part in parts {
            match &part.body {
                PartType::Message(inner) => returned.bodies(inner),
                PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {
                    returned.text(part.contents());
                }
                PartType::Multipart(_) => {}
            }
        }
        returned
    }

    fn header(&mut self, raw: &[u8]) {
        let header = HeaderBlock::read(raw.trim_ascii_start());
        if self.message_id.is_empty() {
            self.message_id = header.text("Message-ID");
        }
        header.list_unsubscribe_urls().iter().for_each(|url| self.text(url.as_bytes()));
    }

    fn bodies(&mut self, message: &Message<'_>) {
        let before = self.tokens.len();
        for part in &message.parts {
            match &part.body {
                PartType::Text(text) | PartType::Html(text) => self.text(text.as_bytes()),
                PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) | PartType::Multipart(_) => {}
            }
        }
        if self.tokens.len() == before {
            // A message that was cut or changed by whoever returned it is looked through as it stands.
            self.text(whole(message));
        }
    }

    /// Takes what stands in a text where our tokens stand: behind `/u/`, `/c/` or `/o/`, before an end that is none.
    fn text(&mut self, text: &[u8]) {
        // A part that does not say any more that it is quoted-printable still has its soft line breaks.
        let text = without_soft_breaks(text);
        let starts = memchr::memchr_iter(b'/', &text).filter_map(|at| match text.get(at + 1..)? {
            [b'u' | b'c' | b'o', b'/', rest @ ..] => Some(rest),
            _ => None,
        });
        for rest in starts.take(PLACES_MAX) {
            let is_of_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
            let length = rest.iter().take(TOKEN_MAX + 1).take_while(|b| is_of_token(b)).count();
            if !(Token::open_len()..=TOKEN_MAX).contains(&length) || self.tokens.len() >= TOKENS_MAX {
                continue;
            }
            let token = String::from_utf8_lossy(&rest[..length]).into_owned();
            if !self.tokens.contains(&token) {
                self.tokens.push(token);
            }
        }
    }
}

/// A returned part from its own first octet on.
fn raw_of<'p>(part: &'p MessagePart<'_>) -> &'p [u8] {
    match &part.body {
        PartType::Message(inner) => whole(inner),
        PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) => part.contents(),
        PartType::Multipart(_) => b"",
    }
}

/// A message inside another one, from its header on; one that is not closed reaches to the end.
fn whole<'m>(message: &'m Message<'_>) -> &'m [u8] {
    let start = message.parts.first().map_or(0, MessagePart::raw_header_offset);
    message.raw_message.get(start as usize..).unwrap_or_default()
}

fn without_soft_breaks(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = match after {
            [b'=', b'\r', b'\n', rest @ ..] | [b'=', b'\n', rest @ ..] => rest,
            [first, rest @ ..] => {
                out.push(*first);
                rest
            }
            [] => after,
        };
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
#[path = "feedback_tests.rs"]
mod tests;
