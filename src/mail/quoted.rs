//! Quoted-printable (RFC 2045 section 6.7), read with a map back to the encoded octets and edited in place.

use std::ops::Range;

use super::transfer::{Decoded, Edit, Map, Piece, Segment};

/// RFC 2045 section 6.7 rule 5, characters with the soft break's `=`.
const QP_LINE_MAX: usize = 76;

/// So many octets of the page lie between two that are marked, at least.
const MARK_STEP: usize = 64;

/// What a `=` begins.
enum Escape {
    /// An octet, of three characters.
    Octet(u8),
    /// A soft line break of so many characters.
    Break(usize),
}

/// Reads an escape from its `=` on; `None` where it is none.
fn escape(text: &[u8]) -> Option<Escape> {
    let digit = |n: usize| text.get(n).and_then(|b| char::from(*b).to_digit(16));
    if let Some((high, low)) = digit(1).zip(digit(2)) {
        return Some(Escape::Octet(u8::try_from(high * 16 + low).ok()?));
    }
    let rest = text.get(1..)?;
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if rest[blanks..].starts_with(b"\r\n") {
        Some(Escape::Break(1 + blanks + 2))
    } else {
        // A body may end with one.
        (blanks == rest.len()).then_some(Escape::Break(text.len()))
    }
}

/// Decodes a body and marks where some of its octets came from.
pub(super) fn decode(body: &[u8]) -> Result<Decoded, &'static str> {
    let (mut page, mut marks) = (Vec::with_capacity(body.len()), Vec::with_capacity(body.len() / MARK_STEP));
    let (mut at, mut next) = (0, 0);
    for end in memchr::memchr_iter(b'=', body).chain([body.len()]) {
        // Within a soft break at the end, which runs to it.
        let Some(plain) = body.get(at..end) else { break };
        if page.len() >= next {
            marks.push((page.len(), at));
            next = page.len() + MARK_STEP;
        }
        page.extend(plain);
        at = end;
        match body.get(end..).map(escape) {
            Some(Some(Escape::Octet(octet))) => {
                page.push(octet);
                at += 3;
            }
            Some(Some(Escape::Break(len))) => at += len,
            Some(None) if end < body.len() => return Err("its quoted-printable is broken"),
            Some(None) | None => {}
        }
    }
    Ok(Decoded { page, map: Map::Marks(marks) })
}

/// Where in the body the encoding of an octet of the page begins.
pub(super) fn encoded_at(body: &[u8], decoded: &Decoded, octet: usize) -> Option<usize> {
    let Map::Marks(marks) = &decoded.map else { return None };
    let mark = marks.partition_point(|(marked, _)| *marked <= octet).checked_sub(1)?;
    let (marked, mut at) = *marks.get(mark).filter(|_| octet < decoded.page.len())?;
    let mut ahead = octet - marked;
    loop {
        let rest = body.get(at..)?;
        let plain = memchr::memchr(b'=', rest).unwrap_or(rest.len());
        if ahead < plain {
            return Some(at + ahead);
        }
        (at, ahead) = (at + plain, ahead - plain);
        match escape(body.get(at..)?)? {
            Escape::Octet(_) if ahead == 0 => return Some(at),
            Escape::Octet(_) => (at, ahead) = (at + 3, ahead - 1),
            Escape::Break(len) => at += len,
        }
    }
}

/// Splices edits into an encoded body: lines that no edit touches keep their bytes.
pub(super) fn splice(raw: &[u8], body: &Range<usize>, decoded: &Decoded, edits: &[Edit]) -> Vec<Segment> {
    let mut writer = QuotedPrintable::default();
    let mut at = body.start;
    let bytes = raw.get(body.clone()).unwrap_or_default();
    let text_end = body.start + text_len(bytes);
    for (n, edit) in edits.iter().enumerate() {
        let start = encoded_at(bytes, decoded, edit.range.start).map_or(text_end, |offset| body.start + offset);
        let end = match edit.range.end.checked_sub(1).filter(|_| !edit.range.is_empty()) {
            None => start,
            Some(last) => {
                let offset = body.start + encoded_at(bytes, decoded, last).unwrap_or_default();
                offset + if raw.get(offset) == Some(&b'=') { 3 } else { 1 }
            }
        };
        writer.copy(raw, at..start, n > 0);
        if !edit.pieces.is_empty() {
            writer.make_room(raw);
        }
        writer.pieces(&edit.pieces);
        at = end;
    }
    writer.copy(raw, at..body.end, true);
    writer.segments
}

/// A body's length without a soft break that nothing follows.
fn text_len(bytes: &[u8]) -> usize {
    let trimmed = bytes.trim_ascii_end();
    let blanks = bytes.get(trimmed.len()..).unwrap_or_default();
    let soft = !blanks.contains(&b'\n') && trimmed.ends_with(b"=");
    if soft { trimmed.len() - 1 } else { bytes.len() }
}

/// All of a body as quoted-printable.
pub(super) fn encode_anew(page: &[u8], edits: &[Edit]) -> Vec<Segment> {
    let mut writer = QuotedPrintable::default();
    let mut at = 0;
    for edit in edits {
        encode_lines(&mut writer, page.get(at..edit.range.start).unwrap_or_default(), true);
        writer.pieces(&edit.pieces);
        at = edit.range.end;
    }
    encode_lines(&mut writer, page.get(at..).unwrap_or_default(), false);
    writer.flush();
    writer.segments
}

/// All of a body as quoted-printable, with nothing put in.
pub(super) fn encode(page: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(page.len() + page.len() / 2);
    encode_anew(page, &[]).iter().for_each(|segment| segment.write(&[], &[], &mut encoded));
    encoded
}

fn encode_lines(writer: &mut QuotedPrintable, bytes: &[u8], goes_on: bool) {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let blank = matches!(byte, b' ' | b'\t');
        if rest.starts_with(b"\r\n") {
            writer.literal.extend(b"\r\n");
            writer.column = 0;
            at += 2;
            continue;
        }
        // A blank at the end of a line would be lost on the way.
        if blank && (rest.get(1..3) == Some(b"\r\n") || (rest.len() == 1 && !goes_on)) {
            if writer.column + 3 > QP_LINE_MAX - 1 {
                writer.soft_break();
            }
            writer.literal.extend(format!("={byte:02X}").bytes());
            writer.column += 3;
        } else {
            writer.byte(*byte);
        }
        at += 1;
    }
}

/// Writes quoted-printable while it keeps count of the column.
#[derive(Default)]
struct QuotedPrintable {
    segments: Vec<Segment>,
    literal: Vec<u8>,
    column: usize,
}

impl QuotedPrintable {
    fn soft_break(&mut self) {
        self.literal.extend(b"=\r\n");
        self.column = 0;
    }

    fn byte(&mut self, byte: u8) {
        let plain = matches!(byte, b' '..=b'<' | b'>'..=b'~');
        let width = if plain { 1 } else { 3 };
        if self.column + width > QP_LINE_MAX - 1 {
            self.soft_break();
        }
        if plain {
            self.literal.push(byte);
        } else {
            self.literal.extend(format!("={byte:02X}").bytes());
        }
        self.column += width;
    }

    fn token(&mut self, slot: usize, len: usize) {
        let first = (QP_LINE_MAX - 1).saturating_sub(self.column);
        let breaks: Vec<_> = (first..len).step_by(QP_LINE_MAX - 1).collect();
        self.column = breaks.last().map_or(self.column + len, |last| len - last);
        self.flush();
        self.segments.push(Segment::Token { slot, len, breaks });
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => bytes.iter().for_each(|byte| self.byte(*byte)),
                Piece::Token { slot, len } => self.token(*slot, *len),
            }
        }
    }

    /// Encoded octets as they came; a line that would grow too long is broken before them.
    fn copy(&mut self, raw: &[u8], range: Range<usize>, edited: bool) {
        let bytes = raw.get(range.clone()).unwrap_or_default();
        let first_line = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let visible = bytes.get(..first_line).map_or(0, |line| line.strip_suffix(b"\r").unwrap_or(line).len());
        if edited && visible > 0 && self.column > 0 && self.column + visible > QP_LINE_MAX {
            self.soft_break();
        }
        self.column = memchr::memrchr(b'\n', bytes).map_or(self.column + bytes.len(), |n| bytes.len() - n - 1);
        self.flush();
        if !range.is_empty() {
            self.segments.push(Segment::Copy(range));
        }
    }

    /// A full line cannot take a soft break at its end, so its last character moves to the next.
    fn make_room(&mut self, raw: &[u8]) {
        let Some(Segment::Copy(range)) = self.segments.last_mut().filter(|_| self.column >= QP_LINE_MAX) else {
            return;
        };
        let bytes = raw.get(range.clone()).unwrap_or_default();
        let width = if bytes.len() >= 3 && bytes[bytes.len() - 3] == b'=' { 3 } else { 1 };
        if bytes.len() > width {
            let (cut, end) = (range.end - width, range.end);
            range.end = cut;
            self.segments.push(Segment::Literal(b"=\r\n".to_vec()));
            self.segments.push(Segment::Copy(cut..end));
            self.column = width;
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.segments.push(Segment::Literal(std::mem::take(&mut self.literal)));
        }
    }
}
