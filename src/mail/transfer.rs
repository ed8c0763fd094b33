//! Content transfer encodings (RFC 2045 section 6), edited in place: what an edit does not touch keeps its encoded bytes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::quoted;

/// RFC 5322 section 2.1.1, octets without CRLF.
const LINE_MAX: usize = 998;

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
    /// Stretches whose octets stand side by side in the encoded body too: where one begins in `page`, and where in the
    /// body (quoted-printable only).
    pub(super) map: Vec<(usize, usize)>,
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
            let mut flat = Vec::with_capacity(body.len());
            lines(body).for_each(|line| flat.extend(line.trim_ascii()));
            let page = STANDARD.decode(&flat).or_else(|_| {
                // White space within lines is rare.
                flat.retain(|b| !b.is_ascii_whitespace());
                STANDARD.decode(&flat)
            });
            let page = page.map_err(|_| "its base64 is broken")?;
            Ok(Decoded { page, map: Vec::new() })
        }
    }
}

impl Decoded {
    pub(super) fn push(&mut self, bytes: &[u8], at: usize) {
        if !bytes.is_empty() {
            self.map.push((self.page.len(), at));
            self.page.extend(bytes);
        }
    }

    /// Where a decoded octet's encoding begins.
    pub(super) fn mapped(&self, at: usize) -> Option<usize> {
        let stretch = self.map.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, encoded) = self.map.get(stretch).filter(|_| at < self.page.len())?;
        Some(encoded + at - start)
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

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body)
        .chain([body.len()])
        .map(move |end| &body[std::mem::replace(&mut start, (end + 1).min(body.len()))..end])
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
    let longer = |line: usize, one: &[u8]| {
        let chars = || one.iter().filter(|b| is_char(b)).count();
        if one.len() > line { line.max(chars()) } else { line }
    };
    let line = lines(bytes).fold(0, longer).clamp(4, LINE_MAX);
    let before = bytes.get(..kept).unwrap_or_default();
    let column = memchr::memrchr(b'\n', before).map_or(before.len(), |n| before.len() - n - 1);
    let mut writer =
        Base64 { segments: vec![Segment::Copy(body.start..body.start + kept)], pieces: Vec::new(), column, line };
    let mut at = group * 3;
    for edit in edits {
        writer.bytes(decoded.page.get(at..edit.range.start).unwrap_or_default());
        for piece in &edit.pieces {
            match piece {
                Piece::Bytes(bytes) => writer.bytes(bytes),
                Piece::Token { .. } => writer.pieces.push(piece.clone()),
            }
        }
        at = edit.range.end;
    }
    writer.bytes(decoded.page.get(at..).unwrap_or_default());
    writer.flush();
    writer.segments.push(Segment::Copy(body.start + tail..body.end));
    writer.segments
}

/// Writes base64 as segments. Tokens have one length in all copies, so groups never shift: only the groups that a token
/// stands in are left to be encoded for each copy.
struct Base64 {
    segments: Vec<Segment>,
    /// Not yet encoded: less than a group, or with tokens.
    pieces: Vec<Piece>,
    column: usize,
    line: usize,
}

impl Base64 {
    fn bytes(&mut self, bytes: &[u8]) {
        let open = pieces_len(&self.pieces) % 3;
        let missing = (3 - open) % 3;
        let Some((fill, rest)) = bytes.split_at_checked(missing) else {
            return self.pieces.push(Piece::Bytes(bytes.to_vec()));
        };
        if missing > 0 {
            self.pieces.push(Piece::Bytes(fill.to_vec()));
        }
        self.flush();
        let (groups, left) = rest.split_at(rest.len() / 3 * 3);
        if !groups.is_empty() {
            let mut literal = Vec::with_capacity(groups.len() / 2 * 3);
            self.column = write_base64(groups, self.column, self.line, &mut literal);
            self.segments.push(Segment::Literal(literal));
        }
        if !left.is_empty() {
            self.pieces.push(Piece::Bytes(left.to_vec()));
        }
    }

    fn flush(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        let chars = pieces_len(&self.pieces).div_ceil(3) * 4;
        let pieces = std::mem::take(&mut self.pieces);
        self.segments.push(Segment::Base64 { pieces, column: self.column, line: self.line });
        self.column = column_behind(chars, self.column, self.line);
    }
}

/// Encodes into lines, the first of which has `column` characters already. Gives the last one's.
fn write_base64(plain: &[u8], column: usize, line: usize, out: &mut Vec<u8>) -> usize {
    let flat = STANDARD.encode(plain);
    let (first, rest) = flat.as_bytes().split_at(flat.len().min(line.saturating_sub(column)));
    out.extend(first);
    for chunk in rest.chunks(line.max(1)) {
        out.extend(b"\r\n");
        out.extend(chunk);
    }
    column_behind(flat.len(), column, line)
}

fn column_behind(chars: usize, column: usize, line: usize) -> usize {
    match chars.checked_sub(line.saturating_sub(column)) {
        None | Some(0) => column + chars,
        Some(rest) => (rest - 1) % line.max(1) + 1,
    }
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
                write_base64(&plain, *column, *line, out);
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
