//! Content transfer encodings (RFC 2045 section 6), edited in place: what an edit does not touch keeps its encoded bytes.

use std::ops::Range;

use super::base64_lines;
use super::quoted;

/// RFC 5322 section 2.1.1, octets without CRLF.
pub(super) const LINE_MAX: usize = 998;

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
    /// A stretch that is encoded for each copy anew, because it shares groups with a token.
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
    /// How octets of the page lead back to the body.
    pub(super) map: Map,
}

/// How decoded octets lead back to their encoding.
#[derive(Debug)]
pub(super) enum Map {
    /// They stand where they are decoded from, or it is found when it is asked for.
    None,
    /// Some octets of the page, in order, and where in the body the encoding of each begins.
    Marks(Vec<(usize, usize)>),
    /// Base64 in lines of one length, all but the last, with nothing between but CRLF.
    Even {
        /// Characters of a line.
        line: usize,
        /// Characters in all.
        chars: usize,
    },
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
        Transfer::Identity => Ok(Decoded { page: body.to_vec(), map: Map::None }),
        Transfer::QuotedPrintable => quoted::decode(body),
        Transfer::Base64 => base64_lines::decode(body).ok_or("its base64 is broken"),
    }
}

/// Splices edits, in order and apart from each other, into a body that stands at `body` in `raw`.
pub fn splice(raw: &[u8], body: Range<usize>, transfer: Transfer, decoded: &Decoded, edits: &[Edit]) -> Edited {
    let plain = |segments| Edited { segments, to_quoted_printable: false };
    match transfer {
        Transfer::Identity if lines_fit(&decoded.page, edits) => plain(splice_identity(&body, edits)),
        Transfer::Identity => Edited { segments: quoted::encode_anew(&decoded.page, edits), to_quoted_printable: true },
        Transfer::QuotedPrintable => plain(quoted::splice(raw, &body, decoded, edits)),
        Transfer::Base64 => plain(base64_lines::splice(raw, &body, decoded, edits)),
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
                let mut plain = Vec::with_capacity(pieces_len(pieces));
                for piece in pieces {
                    match piece {
                        Piece::Bytes(bytes) => plain.extend(bytes),
                        Piece::Token { slot, .. } => plain.extend(token(*slot)),
                    }
                }
                base64_lines::write(&plain, *column, *line, out);
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
