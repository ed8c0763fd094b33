//! Quoted-printable (RFC 2045 section 6.7), read with a map back to the encoded octets and edited in place.

use std::ops::Range;

use super::transfer::{Decoded, Edit, Piece, Segment};

/// RFC 2045 section 6.7 rule 5, characters with the soft break's `=`.
const QP_LINE_MAX: usize = 76;

/// Decodes a body and keeps where each octet came from.
pub(super) fn decode(body: &[u8]) -> Result<Decoded, &'static str> {
    let mut decoded = Decoded { page: Vec::with_capacity(body.len()), map: Vec::new() };
    let mut at = 0;
    while at < body.len() {
        let plain = memchr::memchr(b'=', &body[at..]).unwrap_or(body.len() - at);
        decoded.push(&body[at..at + plain], at);
        at += plain;
        let Some(rest) = body.get(at + 1..) else { break };
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if rest[blanks..].starts_with(b"\r\n") {
            at += 1 + blanks + 2;
        } else if blanks == rest.len() {
            at = body.len();
        } else {
            let digit = |n: usize| rest.get(n).and_then(|b| char::from(*b).to_digit(16));
            let (high, low) = digit(0).zip(digit(1)).ok_or("its quoted-printable is broken")?;
            decoded.push(&[u8::try_from(high * 16 + low).unwrap_or_default()], at);
            at += 3;
        }
    }
    Ok(decoded)
}

/// Splices edits into an encoded body: lines that no edit touches keep their bytes.
pub(super) fn splice(raw: &[u8], body: &Range<usize>, decoded: &Decoded, edits: &[Edit]) -> Vec<Segment> {
    let mut writer = QuotedPrintable::default();
    let mut at = body.start;
    let text_end = body.start + text_len(raw.get(body.clone()).unwrap_or_default());
    for (n, edit) in edits.iter().enumerate() {
        let start = decoded.mapped(edit.range.start).map_or(text_end, |offset| body.start + offset);
        let end = match edit.range.end.checked_sub(1).filter(|_| !edit.range.is_empty()) {
            None => start,
            Some(last) => {
                let offset = body.start + decoded.mapped(last).unwrap_or_default();
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
