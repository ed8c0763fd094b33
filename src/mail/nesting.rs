//! Reading a message with the second parser, which takes messages within messages apart by recursion: there must not be so
//! many of them that a stack ends, and the relay with it.

use mail_parser::{Message, MessageParser};
use memchr::{memchr_iter, memmem};

use super::transfer::{self, Transfer};

/// Fields that make a part a message of its own. Each forwarding adds one, and nobody forwards so often.
const MESSAGES_MAX: usize = 200;
/// Messages that are encoded as a whole, which RFC 2045 (section 6.4) forbids.
const ENCODED_MAX: usize = 5;
/// How deep encoded ones are looked into: as deep as the parser goes.
const DEPTH_MAX: usize = 3;
/// Octets before and after a field in which the header that it stands in has to begin and end.
const HEADER_MAX: usize = 256 << 10;

/// Reads a message; `None` for what is none, and for what holds more messages within messages than anybody forwards.
pub fn parse(raw: &[u8]) -> Option<Message<'_>> {
    let mut left = Budget { messages: MESSAGES_MAX, encoded: ENCODED_MAX };
    left.take(raw, DEPTH_MAX)?;
    MessageParser::new().parse(raw)
}

/// How many more there may be.
struct Budget {
    messages: usize,
    encoded: usize,
}

impl Budget {
    /// Counts those of `raw`; `None` when they are too many, or cannot be told.
    fn take(&mut self, raw: &[u8], depth: usize) -> Option<()> {
        let (mut end, mut is_encoded) = (0, None);
        for dash in memchr_iter(b'-', raw) {
            let Some(at) = dash.checked_sub(NAME.len()).filter(|at| *at >= end) else { continue };
            let is_name = |from: usize, name: &[u8]| {
                raw.get(from..from + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
            };
            if !(is_name(at, NAME) && is_name(dash + 1, TYPE)) {
                continue;
            }
            end = field_end(raw, dash);
            let value = raw.get(dash..end).unwrap_or_default().to_ascii_lowercase();
            // The parts of a digest are messages without saying so.
            let digest = memmem::find(&value, b"digest").is_some();
            if digest && *is_encoded.get_or_insert_with(|| encoding(raw) != Encoding::None) {
                return None;
            }
            if digest || [&b"rfc822"[..], b"global"].iter().any(|kind| memmem::find(&value, kind).is_some()) {
                self.messages = self.messages.checked_sub(1)?;
                self.look_into(raw, at..end, depth)?;
            }
        }
        Some(())
    }

    /// Counts those of a message that is encoded as a whole.
    fn look_into(&mut self, raw: &[u8], field: std::ops::Range<usize>, depth: usize) -> Option<()> {
        let (header, body) = part(raw, field)?;
        let (body, transfer) = match encoding(header) {
            Encoding::None => return Some(()),
            Encoding::Both => return None,
            Encoding::Base64 => {
                let end = memmem::find(body, b"\n--").map_or(body.len(), |at| at + 1);
                (body.get(..end).unwrap_or(body), Transfer::Base64)
            }
            Encoding::QuotedPrintable => (body, Transfer::QuotedPrintable),
        };
        self.encoded = self.encoded.checked_sub(1)?;
        let page = transfer::decode(body, transfer).ok()?.page;
        if depth > 0 { self.take(&page, depth - 1) } else { Some(()) }
    }
}

const NAME: &[u8] = b"content";
const TYPE: &[u8] = b"type";

/// What some text says of an encoding.
#[derive(PartialEq, Eq)]
enum Encoding {
    None,
    Base64,
    QuotedPrintable,
    Both,
}

fn encoding(text: &[u8]) -> Encoding {
    let text = text.to_ascii_lowercase();
    let says = |word: &[u8]| memmem::find(&text, word).is_some();
    match (says(b"base64"), says(b"quoted-printable")) {
        (false, false) => Encoding::None,
        (true, false) => Encoding::Base64,
        (false, true) => Encoding::QuotedPrintable,
        (true, true) => Encoding::Both,
    }
}

/// Where a field ends that holds the octet at `at`: at the line end that no white space follows.
fn field_end(raw: &[u8], at: usize) -> usize {
    let rest = raw.get(at..).unwrap_or_default();
    let last = |line: &usize| !matches!(rest.get(line + 1), Some(b' ' | b'\t'));
    memchr_iter(b'\n', rest).find(last).map_or(raw.len(), |line| at + line)
}

/// The header that a field stands in, and what comes after it; `None` where no end of it is near.
fn part(raw: &[u8], field: std::ops::Range<usize>) -> Option<(&[u8], &[u8])> {
    let blank = |line: usize| matches!(raw.get(line + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
    let before = raw.get(field.start.saturating_sub(HEADER_MAX)..field.start)?;
    let first = field.start - before.len();
    let start = memchr::memrchr_iter(b'\n', before).map(|line| first + line).find(|line| blank(*line));
    let start = match start {
        Some(start) => start,
        None if first == 0 => 0,
        None => return None,
    };
    let after = raw.get(field.end..raw.len().min(field.end + HEADER_MAX))?;
    let end = memchr_iter(b'\n', after).map(|line| field.end + line).find(|line| blank(*line));
    match end {
        Some(end) => Some((raw.get(start..end)?, raw.get(end + 1..)?)),
        None if field.end + after.len() == raw.len() => Some((raw.get(start..)?, &[])),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    const FORWARDED: &str = "Content-Type: message/rfc822\r\n\r\n";

    fn encoded(kind: &str, inner: &str) -> String {
        let text = BASE64_STANDARD.encode(inner);
        let lines: Vec<_> = text.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("{kind}Content-Transfer-Encoding: BASE64\r\n\r\n{}\r\n", lines.join("\r\n"))
    }

    #[test]
    fn what_people_forward_is_read() {
        let inner = "Subject: x\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n";
        for mail in [
            inner.to_owned(),
            FORWARDED.repeat(20) + inner,
            encoded("content-type:\r\n message/rfc822\r\n", &(FORWARDED.repeat(20) + inner)),
            format!("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n{inner}--b--\r\n"),
            encoded("Content-Type: text/plain; name=\"message.txt\"\r\n", inner),
        ] {
            assert!(parse(mail.as_bytes()).is_some(), "{mail}");
        }
        assert!(parse(b"").is_none());
    }

    #[test]
    fn what_would_end_a_stack_is_not() {
        let many = FORWARDED.repeat(100_000) + "x";
        let mixed = "cONTENT-tYPE:\n\t(x) Message/RFC822\n\n".repeat(100_000);
        let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n";
        let quoted = format!(
            "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
            many.replace("Content", "=43ontent")
        );
        for mail in [
            many.clone(),
            mixed,
            encoded("Content-Type: message/rfc822\r\n", &many),
            encoded("Content-Type: message/rfc822\r\n", &encoded("Content-Type: message/rfc822\r\n", &many)),
            digest.to_owned() + &encoded("", &many),
            digest.repeat(100_000),
            quoted,
        ] {
            assert!(parse(mail.as_bytes()).is_none(), "{}", mail.get(..200).unwrap());
        }
    }
}
