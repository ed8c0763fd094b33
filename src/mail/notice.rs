//! Messages to senders about the fate of their mail: delivery status notifications (RFC 3461, RFC 3464, RFC 6522).
//!
//! Always 7-bit, so that every next hop takes them; nothing that a server said reaches a header line uncleaned.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::header::HeaderBlock;
use super::notice_status as status;
use super::notice_text as text;
use crate::domain::{Action, Address, BounceClass, Domain, Return, Timestamp};

/// Octets of the original that come back, as Postfix does.
pub const ORIGINAL_MAX: usize = 50_000;
/// Octets of a line (RFC 5322 section 2.1.1).
const LINE_MAX: usize = 998;
/// Recipients that a digest names.
pub const NAMED_MAX: usize = 100;

/// What became of one recipient. Kept as JSON until the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What became of it.
    pub action: Action,
    /// The kind of refusal.
    pub class: BounceClass,
    /// As written in RCPT.
    pub recipient: String,
    /// ORCPT as `type; address`.
    pub original: Option<String>,
    /// `5.1.1`.
    pub status: String,
    /// The server that said so; empty when none was reached.
    pub remote: String,
    /// What it said, lines joined by line feeds; or our own finding.
    pub reply: String,
    /// Whether a server said it.
    pub spoken: bool,
    /// Milliseconds since 1970.
    pub accepted_at: i64,
    /// Milliseconds since 1970.
    pub attempted_at: i64,
    /// Tries so far.
    pub attempts: u32,
    /// Given up then, when it is still tried.
    pub retry_until: Option<i64>,
    /// Whether it was given up rather than refused.
    pub expired: bool,
}

/// Failures that are told in one message because there are too many for one each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Digest {
    /// Failed recipients by the kind of refusal.
    failed: BTreeMap<BounceClass, u64>,
    /// Recipients whose mail is late.
    pub delayed: u64,
    /// The first of them.
    pub named: Vec<Told>,
}

impl Digest {
    /// One more.
    pub fn add(&mut self, told: Told) {
        match told.action {
            Action::Failed => *self.failed.entry(told.class).or_default() += 1,
            Action::Delayed => self.delayed += 1,
            Action::Delivered | Action::Relayed => return,
        }
        if self.named.len() < NAMED_MAX {
            self.named.push(told);
        }
    }

    /// How many failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Failures by kind, most frequent first.
    pub fn classes(&self) -> Vec<(BounceClass, u64)> {
        let mut classes: Vec<_> = self.failed.iter().map(|(class, count)| (*class, *count)).collect();
        classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        classes
    }
}

/// Who writes to whom, and when.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// The relay's name.
    pub hostname: &'a Domain,
    /// The reverse path of the mail that is told about.
    pub to: &'a Address,
    /// Now.
    pub at: Timestamp,
    /// For its `Message-ID` and its boundary.
    pub random: u64,
}

/// The mail that is told about.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// Header lines put on top when it was accepted.
    pub prepend: &'a str,
    /// As it came.
    pub raw: &'a [u8],
    /// How much of it the sender wants back.
    pub ret: Option<Return>,
    /// The sender's own name for it.
    pub envelope_id: Option<&'a str>,
}

/// A message to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `From` as text.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// The `Message-ID`.
    pub message_id: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// What comes back of the original.
pub(super) enum Returned {
    Nothing,
    Headers(Vec<u8>),
    Whole(Vec<u8>),
    Beginning(Vec<u8>),
}

/// Tells of one message. The original is missing when it is kept no longer.
pub fn write(heading: &Heading<'_>, told: &[Told], original: Option<&Original<'_>>) -> Notice {
    let failure = told.iter().any(|one| one.action == Action::Failed);
    let returned = original.map_or(Returned::Nothing, |original| give_back(original, failure));
    let about = original.map_or_else(String::new, |original| HeaderBlock::read(original.raw).text("Subject"));
    let envelope_id = original.and_then(|original| original.envelope_id);
    let human = text::of_message(heading, told, &about, &returned);
    let arrived = told.first().map(|one| Timestamp::from_millis(one.accepted_at));
    let status = status::write(heading.hostname, envelope_id, arrived, told);
    assemble(heading, text::subject(told), &human, &status, &returned)
}

/// Tells of many messages at once.
pub fn write_digest(heading: &Heading<'_>, digest: &Digest) -> Notice {
    let status = status::write(heading.hostname, None, None, &digest.named);
    let human = text::of_digest(heading, digest);
    assemble(heading, text::digest_subject(digest), &human, &status, &Returned::Nothing)
}

/// RFC 3461 section 6.2: RET is about failures, else the header block is enough. Without RET a large message comes back
/// as its header block, and so does whatever is not 7-bit: a `message/rfc822` may not be encoded (RFC 2046 section 5.2.1).
fn give_back(original: &Original<'_>, failure: bool) -> Returned {
    let mut whole = original.prepend.as_bytes().to_vec();
    whole.extend(original.raw);
    let large = whole.len() > ORIGINAL_MAX;
    let wanted = failure
        && match original.ret {
            Some(Return::Full) => true,
            Some(Return::Headers) => false,
            None => !large,
        };
    let beginning = cut(&whole, ORIGINAL_MAX);
    if wanted && is_7bit(beginning) {
        let bytes = beginning.to_vec();
        return if large { Returned::Beginning(bytes) } else { Returned::Whole(bytes) };
    }
    let end = HeaderBlock::read(&whole).end();
    Returned::Headers(cut(whole.get(..end).unwrap_or_default(), ORIGINAL_MAX).to_vec())
}

/// At most so many octets, up to the end of a line.
fn cut(bytes: &[u8], most: usize) -> &[u8] {
    match bytes.get(..most) {
        None => bytes,
        Some(front) => front.get(..memchr::memrchr(b'\n', front).map_or(0, |at| at + 1)).unwrap_or_default(),
    }
}

fn is_7bit(bytes: &[u8]) -> bool {
    bytes.is_ascii() && bytes.split(|b| *b == b'\n').all(|line| line.len() <= LINE_MAX + 1)
}

fn assemble(heading: &Heading<'_>, subject: String, human: &str, status: &str, returned: &Returned) -> Notice {
    let Heading { hostname, to, at, random } = heading;
    // In A-labels where that will do; what has a local part beyond ASCII goes to a server with SMTPUTF8 only.
    let to = to.to_ascii().unwrap_or_else(|| to.to_string().into());
    let from = format!("MAILER-DAEMON (Mail Delivery System) <mailer-daemon@{hostname}>");
    let message_id = format!("<{random:016x}.notice@{hostname}>");
    let boundary = format!("=_{random:016x}_notice");
    let mut bytes = format!(
        "From: {from}\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: {message_id}\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         This is a delivery status notification (RFC 3464).\r\n",
        date = at.rfc5322(),
    )
    .into_bytes();
    let mut part = |kind: &str, what: &str, body: &[u8]| {
        let encoded = !is_7bit(body);
        let encoding = if encoded { "quoted-printable" } else { "7bit" };
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Description: {what}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        bytes.extend(head.into_bytes());
        bytes.extend(if encoded { quoted_printable::encode(body) } else { body.to_vec() });
    };
    part("text/plain; charset=utf-8", "Notification", human.as_bytes());
    part("message/delivery-status", "Delivery report", status.as_bytes());
    match returned {
        Returned::Nothing => {}
        Returned::Headers(body) => part("text/rfc822-headers", "Header lines of your message", body),
        Returned::Whole(body) => part("message/rfc822", "Your message", body),
        Returned::Beginning(body) => part("message/rfc822", "The beginning of your message", body),
    }
    bytes.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    Notice { from, subject, message_id, bytes }
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
