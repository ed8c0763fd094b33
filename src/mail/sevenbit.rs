//! Re-encoding without loss, as quoted-printable or base64: of parts with octets above 127 for a server that takes no 8-bit
//! text (RFC 6152 section 3), and of parts with lines that are longer than any server has to take. Signed mail is never
//! re-encoded, and neither is what two readers could take apart differently.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{HeaderName, Message, MessagePart, MimeHeaders, PartType};

use super::transfer::Transfer;
use super::{nesting, quoted};

/// RFC 2045 section 6.8, characters.
const BASE64_LINE: usize = 76;
/// RFC 5321 section 4.5.3.1.6, octets without CRLF.
const LINE_MAX: usize = 998;

/// What no part of a copy may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwanted {
    EightBit,
    LongLines,
}

impl Unwanted {
    fn is_in(self, body: &[u8]) -> bool {
        match self {
            Self::EightBit => !body.is_ascii(),
            Self::LongLines => has_long_line(body),
        }
    }
}

/// Whether a line is longer than a server has to take.
pub fn has_long_line(raw: &[u8]) -> bool {
    let mut start = 0;
    let long = memchr::memchr_iter(b'\n', raw).any(|end| {
        let length = end - std::mem::replace(&mut start, end + 1);
        length > LINE_MAX + 1
    });
    long || raw.len() - start > LINE_MAX
}

/// The message in ASCII. The error says why it cannot be had without loss.
pub fn convert(raw: &[u8]) -> Result<Vec<u8>, String> {
    let copy = encode(raw, Unwanted::EightBit)?;
    if copy.is_ascii() { Ok(copy) } else { Err("octets outside of its parts are not ASCII".to_owned()) }
}

/// The message with its parts encoded that have long lines. The error says why that cannot be done without loss.
pub fn shorten(raw: &[u8]) -> Result<Vec<u8>, String> {
    encode(raw, Unwanted::LongLines)
}

fn encode(raw: &[u8], unwanted: Unwanted) -> Result<Vec<u8>, String> {
    let parse = |bytes| nesting::parse(bytes).ok_or("its structure cannot be read");
    let message: Message<'_> = parse(raw)?;
    let mut edits = Vec::new();
    collect(raw, &message, unwanted, &mut edits)?;
    if edits.is_empty() && unwanted == Unwanted::LongLines {
        return Err("its long lines are in no part that can be encoded".to_owned());
    }
    forget_lengths(&message, &mut edits);
    if message.header("MIME-Version").is_none() {
        edits.push((0..0, b"MIME-Version: 1.0\r\n".to_vec()));
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut copy = Vec::with_capacity(raw.len() + raw.len() / 2);
    let mut at = 0;
    for (range, bytes) in edits {
        copy.extend(raw.get(at..range.start).unwrap_or_default());
        copy.extend(bytes);
        at = range.end;
    }
    copy.extend(raw.get(at..).unwrap_or_default());
    if reads_alike(&message, &parse(&copy)?) {
        Ok(copy)
    } else {
        Err("it reads differently when re-encoded".to_owned())
    }
}

type Edit = (Range<usize>, Vec<u8>);

fn collect(raw: &[u8], message: &Message<'_>, unwanted: Unwanted, edits: &mut Vec<Edit>) -> Result<(), String> {
    let eight_bit = unwanted == Unwanted::EightBit;
    for part in &message.parts {
        let header = raw.get(part.offset_header as usize..part.offset_body as usize).unwrap_or_default();
        if eight_bit && !header.is_ascii() {
            return Err("a header field in it is not ASCII".to_owned());
        }
        if is_signed(part) {
            return Err("it is signed".to_owned());
        }
        match &part.body {
            PartType::Multipart(_) if eight_bit => relabel(raw, part, "7bit", edits)?,
            PartType::Multipart(_) => {}
            PartType::Message(inner) if is_plain(part) => {
                if eight_bit {
                    relabel(raw, part, "7bit", edits)?;
                }
                collect(raw, inner, unwanted, edits)?;
            }
            PartType::Message(_)
            | PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_) => leaf(raw, part, unwanted, edits)?,
        }
    }
    Ok(())
}

/// The length of a part does not outlive a change within it.
fn forget_lengths(message: &Message<'_>, edits: &mut Vec<Edit>) {
    for part in &message.parts {
        let body = part.offset_body as usize..part.offset_end as usize;
        if edits.iter().any(|(range, _)| body.contains(&range.start)) {
            let stale = part.headers.iter().filter(|h| h.name.as_str().eq_ignore_ascii_case("Content-Length"));
            edits.extend(stale.map(|h| (h.offset_field as usize..h.offset_end as usize, Vec::new())));
        }
        if let PartType::Message(inner) = &part.body {
            forget_lengths(inner, edits);
        }
    }
}

/// A signature over the octets that would change, of S/MIME, OpenPGP or DKIM.
fn is_signed(part: &MessagePart<'_>) -> bool {
    let kind = part.content_type();
    let (main, sub) = kind.map_or(("", ""), |kind| (kind.ctype(), kind.subtype().unwrap_or_default()));
    let by_kind =
        main.eq_ignore_ascii_case("multipart") && matches!(&*sub.to_ascii_lowercase(), "signed" | "encrypted");
    by_kind || part.headers.iter().any(|header| header.name == HeaderName::DkimSignature)
}

fn main_type<'a>(part: &'a MessagePart<'_>) -> &'a str {
    part.content_type().map_or("", |kind| kind.ctype())
}

fn encoding(part: &MessagePart<'_>) -> Option<Transfer> {
    Transfer::parse(part.content_transfer_encoding().unwrap_or_default())
}

fn is_plain(part: &MessagePart<'_>) -> bool {
    encoding(part) == Some(Transfer::Identity)
}

fn leaf(raw: &[u8], part: &MessagePart<'_>, unwanted: Unwanted, edits: &mut Vec<Edit>) -> Result<(), String> {
    let range = part.offset_body as usize..part.offset_end as usize;
    let body = raw.get(range.clone()).unwrap_or_default();
    if !unwanted.is_in(body) {
        return Ok(());
    }
    match (encoding(part), unwanted) {
        // RFC 2046 section 5.2: of what is not named there only 7bit is sure to be allowed.
        (Some(Transfer::Identity), Unwanted::LongLines) if main_type(part).eq_ignore_ascii_case("message") => {}
        (Some(Transfer::Identity), _) if part.is_text() => {
            relabel(raw, part, "quoted-printable", edits)?;
            edits.push((range, quoted::encode(body)));
        }
        (Some(Transfer::Identity), _) => {
            relabel(raw, part, "base64", edits)?;
            edits.push((range.clone(), in_lines(STANDARD.encode(body).as_bytes(), range.end == raw.len())));
        }
        (Some(Transfer::Base64), Unwanted::LongLines) => {
            let digits: Vec<u8> = body.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
            edits.push((range, in_lines(&digits, body.ends_with(b"\r\n"))));
        }
        (Some(Transfer::QuotedPrintable) | None, Unwanted::LongLines) => {}
        (Some(Transfer::QuotedPrintable | Transfer::Base64) | None, Unwanted::EightBit) => {
            return Err("an encoded part in it holds octets that are not ASCII".to_owned());
        }
    }
    Ok(())
}

fn in_lines(digits: &[u8], ended: bool) -> Vec<u8> {
    let mut lines = digits.chunks(BASE64_LINE).collect::<Vec<_>>().join(&b"\r\n"[..]);
    if ended {
        lines.extend(b"\r\n");
    }
    lines
}

/// Says the new encoding in the part's header block; a multipart that names none keeps none.
fn relabel(raw: &[u8], part: &MessagePart<'_>, encoding: &str, edits: &mut Vec<Edit>) -> Result<(), String> {
    let mut fields = part.headers.iter().filter(|header| header.name == HeaderName::ContentTransferEncoding);
    let range = match (fields.next(), fields.next()) {
        (Some(field), None) => field.offset_field as usize..field.offset_end as usize,
        (Some(_), Some(_)) => return Err("a part of it has two Content-Transfer-Encoding fields".to_owned()),
        (None, _) if encoding == "7bit" => return Ok(()),
        (None, _) => {
            let end = part.headers.last().map_or(part.offset_header, |header| header.offset_end) as usize;
            end..end
        }
    };
    let said = raw.get(range.clone()).unwrap_or_default().to_ascii_lowercase();
    if encoding != "7bit"
        || memchr::memmem::find(&said, b"8bit").is_some()
        || memchr::memmem::find(&said, b"binary").is_some()
    {
        edits.push((range, format!("Content-Transfer-Encoding: {encoding}\r\n").into_bytes()));
    }
    Ok(())
}

fn reads_alike(before: &Message<'_>, after: &Message<'_>) -> bool {
    let same = |one: &MessagePart<'_>, other: &MessagePart<'_>| match (&one.body, &other.body) {
        (PartType::Multipart(a), PartType::Multipart(b)) => a == b,
        (PartType::Message(a), PartType::Message(b)) => reads_alike(a, b),
        _ => one.contents() == other.contents(),
    };
    before.parts.len() == after.parts.len()
        && before.parts.iter().zip(&after.parts).all(|(one, other)| same(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bit_parts_are_encoded_and_all_else_stays() {
        let raw = "From: a@own.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
            Content-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e = \r\n.\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain = =\r\n--b\r\n\
            Content-Type: application/x-y\r\n\r\n\u{e4}\u{f6}\r\n--b--\r\n";
        let copy = String::from_utf8(convert(raw.as_bytes()).unwrap()).unwrap();
        assert!(copy.contains("Content-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--b\r\n"), "{copy}");
        assert!(copy.contains(": quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D=20\r\n.\r\n--b\r\n"), "{copy}");
        assert!(copy.contains("Content-Type: text/plain\r\n\r\nplain = =\r\n--b\r\n"), "{copy}");
        assert!(
            copy.contains("application/x-y\r\nContent-Transfer-Encoding: base64\r\n\r\nw6TDtg==\r\n--b--\r\n"),
            "{copy}"
        );
    }

    #[test]
    fn a_single_part_and_a_message_within_a_message_are_encoded() {
        let bare = "Subject: x\r\n\r\nGr\u{fc}\u{df}e\r\n";
        let copy = String::from_utf8(convert(bare.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            copy,
            "MIME-Version: 1.0\r\nSubject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
        );
        let nested = format!(
            "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{bare}"
        );
        let copy = String::from_utf8(convert(nested.as_bytes()).unwrap()).unwrap();
        assert!(copy.contains("rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nMIME-Version"), "{copy}");
        assert!(copy.ends_with("quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"), "{copy}");
    }

    #[test]
    fn parts_with_long_lines_are_encoded_and_all_else_stays() {
        let (fits, long, digits) = ("y".repeat(998), "x=".repeat(500), "AAAA".repeat(300));
        let eight_bit = format!("Content-Transfer-Encoding: 8bit\r\n\r\n\u{e4}\r\n{fits}\r\n--b\r\n");
        let raw = format!(
            "From: J\u{f6}rg <a@own.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{long}\r\n\
             --b\r\n{eight_bit}Content-Type: image/x-y\r\nContent-Transfer-Encoding: base64\r\n\r\n{digits}\r\n--b\r\n\
             Content-Type: application/x-y\r\n\r\n{long}\u{e4}\r\n--b--\r\n"
        );
        assert!(has_long_line(raw.as_bytes()));
        let copy = shorten(raw.as_bytes()).unwrap();
        assert!(!has_long_line(&copy));
        assert_eq!(shorten(raw.as_bytes()).unwrap(), copy);
        assert!(shorten(&copy).is_err());
        let copy = String::from_utf8(copy).unwrap();
        assert!(copy.starts_with(&raw[..raw.find("charset").unwrap()]), "{copy}");
        assert!(copy.contains("utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx=3Dx=3D"), "{copy}");
        assert!(copy.contains(&eight_bit), "{copy}");
        assert!(copy.contains(&format!("base64\r\n\r\n{}\r\nAAAA", "A".repeat(76))), "{copy}");
        assert!(copy.contains("application/x-y\r\nContent-Transfer-Encoding: base64\r\n\r\neD14"), "{copy}");
    }

    #[test]
    fn lengths_around_what_is_encoded_are_forgotten() {
        let long = "x".repeat(999);
        let raw = format!(
            "MIME-Version: 1.0\r\nContent-Length: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
             content-length: 2\r\nContent-MD5: x\r\n\r\n{long}\r\n--b\r\nContent-Length: 3\r\n\r\nshort\r\n--b--\r\n"
        );
        let copy = String::from_utf8(shorten(raw.as_bytes()).unwrap()).unwrap();
        assert_eq!(copy.matches("ength").collect::<Vec<_>>().len(), 1, "{copy}");
        assert!(copy.contains("--b\r\nContent-MD5: x\r\nContent-Transfer-Encoding: quoted-printable\r\n"), "{copy}");
        assert!(copy.contains("Content-Length: 3\r\n"), "{copy}");
    }

    #[test]
    fn long_lines_that_cannot_be_encoded_stay() {
        let long = "x".repeat(999);
        for (raw, why) in [
            (format!("Subject: {long}\r\n\r\nx\r\n"), "no part"),
            (format!("DKIM-Signature: v=1; d=a.example\r\n\r\n{long}\r\n"), "signed"),
            (format!("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n{long}\r\n--b--\r\n"), "signed"),
            (
                format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{long}\r\n--b\r\n\r\nx\r\n--b--\r\n"),
                "no part",
            ),
            (format!("Content-Type: message/delivery-status\r\n\r\n{long}\r\n"), "no part"),
            (format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{long}\r\n"), "no part"),
        ] {
            assert!(has_long_line(raw.as_bytes()));
            assert!(shorten(raw.as_bytes()).unwrap_err().contains(why), "{raw}");
        }
    }

    #[test]
    fn a_line_of_998_octets_is_not_long() {
        let lines = |n: usize| format!("a\r\n{0}\r\nb\r\n{0}", "x".repeat(n));
        assert!(!has_long_line(lines(998).as_bytes()) && !has_long_line(b""));
        assert!(has_long_line(lines(999).as_bytes()));
        assert!(has_long_line(&[b'x'; 999]) && has_long_line(format!("{}\r\n", "x".repeat(999)).as_bytes()));
    }

    #[test]
    fn what_would_lose_or_break_something_is_not_converted() {
        for (raw, why) in [
            ("Subject: Gr\u{fc}\u{df}e\r\n\r\nx\r\n", "header"),
            ("DKIM-Signature: v=1; d=a.example\r\n\r\n\u{e4}\r\n", "signed"),
            ("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u{e4}\r\n--b--\r\n", "signed"),
            ("Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{e4}\r\n--b\r\n\r\nx\r\n--b--\r\n", "outside"),
            ("Content-Transfer-Encoding: base64\r\n\r\nw6Q=\u{e4}\r\n", "encoded"),
        ] {
            assert!(convert(raw.as_bytes()).unwrap_err().contains(why), "{raw}");
        }
    }
}
