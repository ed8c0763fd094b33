//! Content transfer encodings (RFC 2045 section 6), edited in place: what an edit does not touch keeps its encoded bytes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::quoted;

/// RFC 5322 section 2.1.1, octets without CRLF.
const LINE_MAX: usize = 998;
/// RFC 2045 section 6.8, characters.
const BASE64_LINE: usize = 76;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// 7bit, 8bit, binary.
    Identity,
    /// RFC 2045 section 6.7.
    QuotedPrintable,
    /// RFC 2045 section 6.8.
    Base64,
}

impl Transfer {
    /// From a field's value; the absence of one is 7bit. `None` for an encoding that is unknown.
    pub fn parse(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" => Some(Self::Identity),
            "quoted-printable" => Some(Self::QuotedPrintable),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }
}

/// A piece of what is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// ASCII that is the same in every copy.
    Bytes(Vec<u8>),
    /// A token, which differs in every copy but not in length.
    Token {
        /// Which of the message's tokens.
        slot: usize,
        /// Its length.
        len: usize,
    },
}

/// A change of the decoded body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What goes, in decoded octets; empty for an insertion.
    pub range: Range<usize>,
    /// What comes in its place.
    pub pieces: Vec<Piece>,
}

/// A stretch of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Octets of the message as it came.
    Copy(Range<usize>),
    /// Octets of ours.
    Literal(Vec<u8>),
    /// A token, with a quoted-printable soft line break before each of these offsets.
    Token {
        /// Which of the message's tokens.
        slot: usize,
        /// Its length.
        len: usize,
        /// Offsets into the token.
        breaks: Vec<usize>,
    },
    /// A stretch that is encoded for each copy anew, because groups shift.
    Base64 {
        /// What is encoded.
        pieces: Vec<Piece>,
        /// Characters already on the first line.
        column: usize,
        /// Characters of a full line.
        line: usize,
    },
}

/// A decoded body.
#[derive(Debug)]
pub struct Decoded {
    /// The octets.
    pub page: Vec<u8>,
    /// Per decoded octet, where its encoding begins (quoted-printable only).
    pub(super) map: Vec<u32>,
}

/// Edited segments of one body.
#[derive(Debug)]
pub struct Edited {
    /// What replaces the body.
    pub segments: Vec<Segment>,
    /// Whether the part has become quoted-printable, which its header has to say.
    pub to_quoted_printable: bool,
}

/// Decodes a body. The error says what is wrong with it.
pub fn decode(body: &[u8], transfer: Transfer) -> Result<Decoded, &'static str> {
    match transfer {
        Transfer::Identity => Ok(Decoded { page: body.to_vec(), map: Vec::new() }),
        Transfer::QuotedPrintable => quoted::decode(body),
        Transfer::Base64 => {
            let flat: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            let page = STANDARD.decode(flat).map_err(|_| "its base64 is broken")?;
            Ok(Decoded { page, map: Vec::new() })
        }
    }
}

impl Decoded {
    pub(super) fn push(&mut self, byte: u8, at: usize) {
        self.page.push(byte);
        self.map.push(u32::try_from(at).unwrap_or(u32::MAX));
    }

    pub(super) fn mapped(&self, at: usize) -> Option<usize> {
        self.map.get(at).map(|n| *n as usize)
    }
}

/// Splices edits, in order and apart from each other, into a body that stands at `body` in `raw`.
pub fn splice(raw: &[u8], body: Range<usize>, transfer: Transfer, decoded: &Decoded, edits: &[Edit]) -> Edited {
    let plain = |segments| Edited { segments, to_quoted_printable: false };
    match transfer {
        Transfer::Identity if lines_fit(&decoded.page, edits) => plain(splice_identity(&body, edits)),
        Transfer::Identity => Edited { segments: quoted::encode_anew(&decoded.page, edits), to_quoted_printable: true },
        Transfer::QuotedPrintable => plain(quoted::splice(raw, &body, decoded, edits)),
        Transfer::Base64 => plain(splice_base64(raw, &body, decoded, edits)),
    }
}

/// Octets of what is put in, before it is encoded.
pub fn pieces_len(pieces: &[Piece]) -> usize {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Token { len, .. } => *len,
        })
        .sum()
}

/// Whether no edited line passes the limit.
fn lines_fit(page: &[u8], edits: &[Edit]) -> bool {
    let mut column = 0;
    let mut at = 0;
    let mut fits = true;
    for edit in edits {
        let before = page.get(at..edit.range.start).unwrap_or_default();
        column = memchr::memrchr(b'\n', before).map_or(column + before.len(), |n| before.len() - n - 1);
        column += pieces_len(&edit.pieces);
        at = edit.range.end;
        let rest = page.get(at..).unwrap_or_default();
        let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        fits &= column + line <= LINE_MAX || pieces_len(&edit.pieces) == 0;
    }
    fits
}

fn splice_identity(body: &Range<usize>, edits: &[Edit]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut at = body.start;
    for edit in edits {
        segments.push(Segment::Copy(at..body.start + edit.range.start));
        segments.extend(edit.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => Segment::Literal(bytes.clone()),
            Piece::Token { slot, len } => Segment::Token { slot: *slot, len: *len, breaks: Vec::new() },
        }));
        at = body.start + edit.range.end;
    }
    segments.push(Segment::Copy(at..body.end));
    segments
}

fn splice_base64(raw: &[u8], body: &Range<usize>, decoded: &Decoded, edits: &[Edit]) -> Vec<Segment> {
    let bytes = raw.get(body.clone()).unwrap_or_default();
    let first = edits.first().map_or(decoded.page.len(), |edit| edit.range.start);
    let group = first / 3;
    let is_char = |b: &u8| !b.is_ascii_whitespace();
    // At the end, what comes in stands before the last line break.
    let tail = bytes.iter().rposition(is_char).map_or(0, |n| n + 1);
    let kept = bytes.iter().enumerate().filter(|(_, b)| is_char(b)).nth(group * 4).map_or(tail, |(at, _)| at);
    let line_of = |line: &[u8]| line.iter().filter(|b| is_char(b)).count();
    let line = bytes.split(|b| *b == b'\n').map(line_of).max().unwrap_or(BASE64_LINE).clamp(4, LINE_MAX);
    let before = bytes.get(..kept).unwrap_or_default();
    let column = memchr::memrchr(b'\n', before).map_or(before.len(), |n| before.len() - n - 1);
    let mut pieces = Vec::new();
    let mut at = group * 3;
    for edit in edits {
        pieces.push(Piece::Bytes(decoded.page.get(at..edit.range.start).unwrap_or_default().to_vec()));
        pieces.extend(edit.pieces.iter().cloned());
        at = edit.range.end;
    }
    pieces.push(Piece::Bytes(decoded.page.get(at..).unwrap_or_default().to_vec()));
    vec![
        Segment::Copy(body.start..body.start + kept),
        Segment::Base64 { pieces, column, line },
        Segment::Copy(body.start + tail..body.end),
    ]
}

impl Segment {
    /// Writes the stretch into a copy.
    pub fn write(&self, raw: &[u8], tokens: &[String], out: &mut Vec<u8>) {
        let token = |slot: usize| tokens.get(slot).map(String::as_bytes).unwrap_or_default();
        match self {
            Self::Copy(range) => out.extend(raw.get(range.clone()).unwrap_or_default()),
            Self::Literal(bytes) => out.extend(bytes),
            Self::Token { slot, breaks, .. } => {
                let mut at = 0;
                for end in breaks {
                    out.extend(token(*slot).get(at..*end).unwrap_or_default());
                    out.extend(b"=\r\n");
                    at = *end;
                }
                out.extend(token(*slot).get(at..).unwrap_or_default());
            }
            Self::Base64 { pieces, column, line } => {
                let mut plain = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Bytes(bytes) => plain.extend(bytes),
                        Piece::Token { slot, .. } => plain.extend(token(*slot)),
                    }
                }
                let flat = STANDARD.encode(plain);
                let (first, rest) = flat.as_bytes().split_at(flat.len().min(line.saturating_sub(*column)));
                out.extend(first);
                for chunk in rest.chunks((*line).max(1)) {
                    out.extend(b"\r\n");
                    out.extend(chunk);
                }
            }
        }
    }

    /// Octets that [`Self::write`] writes.
    pub fn size(&self) -> usize {
        match self {
            Self::Copy(range) => range.len(),
            Self::Literal(bytes) => bytes.len(),
            Self::Token { len, breaks, .. } => len + breaks.len() * 3,
            Self::Base64 { pieces, column, line } => {
                let chars = pieces_len(pieces).div_ceil(3) * 4;
                chars + chars.saturating_sub(line.saturating_sub(*column)).div_ceil((*line).max(1)) * 2
            }
        }
    }

    /// Octets that the stretch takes in memory beside the message.
    pub fn memory_bytes(&self) -> usize {
        64 + match self {
            Self::Copy(_) => 0,
            Self::Literal(bytes) => bytes.len(),
            Self::Token { breaks, .. } => breaks.len() * 8,
            Self::Base64 { pieces, .. } => pieces.len() * 48 + pieces_len(pieces),
        }
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
