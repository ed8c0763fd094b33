//! The MIME structure of a message (RFC 2045, RFC 2046) as byte ranges, as far as tracking needs it: which parts are HTML
//! that a person reads, and whether the message may be changed at all.
//!
//! Where two readers could disagree about the structure, the message is left as it is.

use std::ops::Range;

use encoding_rs::Encoding;
use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};

use super::header::{Field, HeaderBlock};
use super::transfer::Transfer;

const DEPTH_MAX: usize = 20;
const PARTS_MAX: usize = 1_000;
/// Lines that begin with `--` in one message.
const DASHES_MAX: usize = 20_000;
const BOUNDARY_MAX: usize = 200;

/// An HTML part that a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HtmlPart {
    /// The part's header block with the empty line.
    pub header: Range<usize>,
    /// The part's body, still encoded, without the line break before the next boundary.
    pub body: Range<usize>,
    /// How the body is encoded.
    pub transfer: Transfer,
    /// What its charset parameter says; `None` when there is none.
    pub charset: Option<&'static Encoding>,
    /// The header blocks of the parts around it, the message's own included.
    pub around: Vec<Range<usize>>,
    /// Whether a reader sees it: of alternatives only the last one that is HTML (RFC 2046 section 5.1.4).
    pub seen: bool,
}

/// A plain text part that a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// Where it stands.
    pub place: HtmlPart,
    /// Whether readers drop the blank at a soft line break (RFC 3676, `format=flowed; delsp=yes`).
    pub joins_lines: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Outline {
    /// In document order.
    pub html: Vec<HtmlPart>,
    /// In document order.
    pub text: Vec<TextPart>,
    /// What was passed over, one clause each.
    pub notes: Vec<String>,
    around: Vec<Range<usize>>,
    /// What was passed over in plain text.
    pub text_notes: Vec<String>,
    parts: usize,
    dashes: usize,
    in_digest: bool,
}

impl Outline {
    /// Reads a message. The error says why all of it must stay as it is.
    pub fn read(raw: &[u8]) -> Result<Self, String> {
        let mut outline = Self::default();
        outline.part(raw, 0..raw.len(), 0)?;
        Ok(outline)
    }

    fn part(&mut self, raw: &[u8], range: Range<usize>, depth: usize) -> Result<(), String> {
        self.parts += 1;
        if self.parts > PARTS_MAX || depth > DEPTH_MAX {
            return Err(format!("it has more than {PARTS_MAX} parts or {DEPTH_MAX} levels"));
        }
        let bytes = raw.get(range.clone()).unwrap_or_default();
        let block = HeaderBlock::read(bytes);
        if block.is_broken() {
            return Err("a header block in it is broken".to_owned());
        }
        let (kind, transfer) = (one(&block, "Content-Type")?, one(&block, "Content-Transfer-Encoding")?);
        let transfer = Transfer::parse(&transfer.map_or_else(String::new, |field| block.text_of(field)));
        let header = range.start..range.start + block.end();
        let body = header.end..range.end;
        let kind = match kind.map(|field| content_type(block.value(field))) {
            // RFC 2045 section 5.2; in a digest it would be a message (RFC 2046 section 5.1.5).
            None if self.in_digest => return Ok(()),
            None => {
                self.text(&block, None, HtmlPlace { header, body, transfer });
                return Ok(());
            }
            Some(None) => return Err("a Content-Type in it is broken".to_owned()),
            Some(Some(kind)) => kind,
        };
        let main = kind.c_type.to_ascii_lowercase();
        let sub = kind.c_subtype.as_deref().unwrap_or_default().to_ascii_lowercase();
        match (main.as_str(), sub.as_str()) {
            ("multipart", "signed") => Err("it is signed, and any change would break the signature".to_owned()),
            ("multipart", "encrypted") => Err("it is encrypted".to_owned()),
            ("multipart", "report") => Err("it is a report".to_owned()),
            ("application", "pkcs7-mime" | "x-pkcs7-mime") => Err("it is signed or encrypted (S/MIME)".to_owned()),
            ("multipart", _) if transfer != Some(Transfer::Identity) => Err("a multipart in it is encoded".to_owned()),
            ("multipart", _) => {
                let outer = std::mem::replace(&mut self.in_digest, sub == "digest");
                self.around.push(header);
                self.multipart(raw, body, &kind, depth)?;
                self.around.pop();
                self.in_digest = outer;
                Ok(())
            }
            ("text", "html") => {
                match readable(&block, Some(&kind), HtmlPlace { header, body, transfer }, &self.around) {
                    Ok(part) => self.html.extend(part),
                    Err(why) => self.notes.push(format!("an HTML part has an unknown {why}")),
                }
                Ok(())
            }
            ("text", "plain") => {
                self.text(&block, Some(&kind), HtmlPlace { header, body, transfer });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn multipart(
        &mut self,
        raw: &[u8],
        body: Range<usize>,
        kind: &ContentType<'_>,
        depth: usize,
    ) -> Result<(), String> {
        let boundary = parameter(kind, "boundary").filter(|b| !b.is_empty() && b.len() <= BOUNDARY_MAX);
        let boundary = boundary.ok_or("a multipart in it names no boundary")?;
        let lines = self.delimiters(raw, &body, boundary.as_bytes())?;
        if lines.is_empty() {
            return Err("a boundary that it names is nowhere in it".to_owned());
        }
        let alternative = kind.c_subtype.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case("alternative"));
        let first = self.html.len();
        for (n, line) in lines.iter().enumerate() {
            if line.last {
                break;
            }
            let end = lines.get(n + 1).map_or(body.end, |next| before_line(raw, next.range.start, line.range.end));
            let before = self.html.len();
            self.part(raw, line.range.end..end, depth + 1)?;
            if alternative && self.html.len() > before {
                self.html[first..before].iter_mut().for_each(|part| part.seen = false);
            }
        }
        // Readers end an unfinished multipart at different places, above all inside of another one.
        if lines.last().is_some_and(|line| line.last) {
            Ok(())
        } else {
            Err("a multipart in it is not closed".to_owned())
        }
    }

    /// The delimiter lines of a boundary up to the closing one (RFC 2046 section 5.1.1).
    fn delimiters(&mut self, raw: &[u8], body: &Range<usize>, boundary: &[u8]) -> Result<Vec<Delimiter>, String> {
        let bytes = raw.get(body.clone()).unwrap_or_default();
        let starts = bytes.starts_with(b"--").then_some(0);
        let mut found = Vec::new();
        for at in starts.into_iter().chain(memchr::memmem::find_iter(bytes, b"\n--").map(|at| at + 1)) {
            self.dashes += 1;
            if self.dashes > DASHES_MAX {
                return Err("too many lines in it begin like boundaries".to_owned());
            }
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n + 1);
            let Some(rest) = bytes[at + 2..end].strip_prefix(boundary) else { continue };
            let (last, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
            if !rest.iter().all(u8::is_ascii_whitespace) {
                return Err("a boundary in it is the beginning of another line".to_owned());
            }
            found.push(Delimiter { range: body.start + at..body.start + end, last });
            if last {
                break;
            }
        }
        Ok(found)
    }

    fn text(&mut self, block: &HeaderBlock<'_>, kind: Option<&ContentType<'_>>, place: HtmlPlace) {
        let says = |name: &str, wanted: &str| {
            kind.and_then(|kind| parameter(kind, name)).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
        };
        let joins_lines = says("format", "flowed") && says("delsp", "yes");
        match readable(block, kind, place, &self.around) {
            Ok(part) => self.text.extend(part.map(|place| TextPart { place, joins_lines })),
            Err(why) => self.text_notes.push(format!("a text part has an unknown {why}")),
        }
    }
}

/// A part that a person reads, unless it is an attachment. The error is what about it is unknown.
fn readable(
    block: &HeaderBlock<'_>,
    kind: Option<&ContentType<'_>>,
    place: HtmlPlace,
    around: &[Range<usize>],
) -> Result<Option<HtmlPart>, &'static str> {
    let disposition = block.text("Content-Disposition").to_ascii_lowercase();
    let named = kind.is_some_and(|kind| parameter(kind, "name").is_some());
    if disposition.starts_with("attachment") || disposition.contains("filename") || named {
        return Ok(None);
    }
    let transfer = place.transfer.ok_or("transfer encoding")?;
    // Without the empty line that ends a header block, a body has no place to begin.
    if place.body.is_empty() {
        return Ok(None);
    }
    let label = kind.and_then(|kind| parameter(kind, "charset"));
    let charset =
        label.map(|label| Encoding::for_label_no_replacement(label.as_bytes()).ok_or("charset")).transpose()?;
    let (HtmlPlace { header, body, .. }, around) = (place, around.to_vec());
    Ok(Some(HtmlPart { header, body, transfer, charset, around, seen: true }))
}

struct HtmlPlace {
    header: Range<usize>,
    body: Range<usize>,
    transfer: Option<Transfer>,
}

struct Delimiter {
    range: Range<usize>,
    last: bool,
}

fn one<'b>(block: &'b HeaderBlock<'_>, name: &'b str) -> Result<Option<&'b Field>, String> {
    let mut all = block.all(name);
    let first = all.next();
    if all.next().is_some() { Err(format!("a part of it has two {name} fields")) } else { Ok(first) }
}

fn content_type(value: &[u8]) -> Option<ContentType<'static>> {
    let mut line = value.to_vec();
    line.extend(b"\r\n");
    match MessageStream::new(&line).parse_content_type().into_owned() {
        HeaderValue::ContentType(kind) => Some(kind),
        _ => None,
    }
}

fn parameter<'k>(kind: &'k ContentType<'_>, name: &str) -> Option<&'k str> {
    kind.attributes.as_ref()?.iter().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value.as_ref())
}

/// The line break before a delimiter belongs to the delimiter.
fn before_line(raw: &[u8], line: usize, floor: usize) -> usize {
    let bytes = raw.get(floor..line).unwrap_or_default();
    let cut = bytes.strip_suffix(b"\n").map_or(bytes, |b| b.strip_suffix(b"\r").unwrap_or(b));
    floor + cut.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALTERNATIVE: &str = "Content-Type: multipart/alternative; boundary=\"b 1\"\r\n\r\npre\r\n--b 1\r\n\r\ntext\r\n--b 1\r\n\
        Content-Type: text/html; charset=iso-8859-15\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n<p>x</p>\r\n\r\n--b 1--\r\nend";

    #[test]
    fn parts_are_found_where_they_stand() {
        let outline = Outline::read(ALTERNATIVE.as_bytes()).unwrap();
        let part = &outline.html[0];
        assert_eq!(&ALTERNATIVE[part.body.clone()], "<p>x</p>\r\n");
        assert!(ALTERNATIVE[part.header.clone()].starts_with("Content-Type: text/html"));
        assert_eq!((part.transfer, part.charset.unwrap().name()), (Transfer::QuotedPrintable, "ISO-8859-15"));
    }

    #[test]
    fn nested_and_single_parts_are_found() {
        let nested = format!(
            "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n{ALTERNATIVE}\r\n--out\r\n\
            Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>\r\n--out--\r\n"
        );
        assert_eq!(Outline::read(nested.as_bytes()).unwrap().html.len(), 1);
        let single = b"Content-Type: text/html\r\n\r\n<p>";
        assert_eq!(Outline::read(single).unwrap().html[0].body, 27..30);
        assert!(Outline::read(b"Subject: x\r\n\r\ntext").unwrap().html.is_empty());
        let empty = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n--b--\r\n";
        assert!(Outline::read(empty.as_bytes()).unwrap().html.is_empty());
    }

    #[test]
    fn what_cannot_be_changed_safely_stays() {
        for (raw, why) in [
            ("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n", "signed"),
            ("Content-Type: multipart/mixed\r\n\r\n--b\r\n", "boundary"),
            ("Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n", "nowhere"),
            ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--bc\r\n--b--\r\n", "beginning"),
            ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n", "not closed"),
            ("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n", "two"),
            (
                "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n",
                "encoded",
            ),
            ("no header\r\n\r\n", "broken"),
        ] {
            assert!(Outline::read(raw.as_bytes()).unwrap_err().contains(why), "{raw}");
        }
        let deep: String =
            (0..30).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}x\r\n\r\n--b{n}x\r\n")).collect();
        assert!(Outline::read(deep.as_bytes()).unwrap_err().contains("levels"));
    }
}
