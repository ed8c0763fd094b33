//! Base64 (RFC 2045 section 6.8), read and written in lines.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::transfer::{Decoded, Edit, LINE_MAX, Map, Piece, Segment, pieces_len};

/// Decodes a body; `None` where it is broken.
pub(super) fn decode(body: &[u8]) -> Option<Decoded> {
    if let Some((flat, line)) = flat_where_even(body)
        && let Ok(page) = STANDARD.decode(&flat)
    {
        return Some(Decoded { page, map: Map::Even { line, chars: flat.len() } });
    }
    let mut flat = Vec::with_capacity(body.len());
    lines(body).for_each(|line| flat.extend(line.trim_ascii()));
    let page = STANDARD.decode(&flat).or_else(|_| {
        // White space within lines is rare.
        flat.retain(|b| !b.is_ascii_whitespace());
        STANDARD.decode(&flat)
    });
    Some(Decoded { page: page.ok()?, map: Map::None })
}

/// The body without its line breaks, and how long a line is, where all but the last are of one length.
fn flat_where_even(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let line = memchr::memchr(b'\r', body).filter(|line| *line > 0)?;
    let (mut flat, chunks) = (Vec::with_capacity(body.len()), body.chunks_exact(line + 2));
    let last = chunks.remainder().trim_ascii_end();
    for chunk in chunks {
        let (chars, end) = chunk.split_at(line);
        if end != b"\r\n" {
            return None;
        }
        flat.extend(chars);
    }
    flat.extend(last);
    (last.len() <= line).then_some((flat, line))
}

/// Splices edits into a body; what stands before the first keeps its bytes.
pub(super) fn splice(raw: &[u8], body: &Range<usize>, decoded: &Decoded, edits: &[Edit]) -> Vec<Segment> {
    let bytes = raw.get(body.clone()).unwrap_or_default();
    let first = edits.first().map_or(decoded.page.len(), |edit| edit.range.start);
    let group = first / 3;
    let is_char = |b: &u8| !b.is_ascii_whitespace();
    // At the end, what comes in stands before the last line break.
    let tail = bytes.iter().rposition(is_char).map_or(0, |n| n + 1);
    let first_char = group * 4;
    let (kept, line) = match decoded.map {
        Map::Even { line, chars } => {
            let kept = if first_char < chars { first_char + first_char / line * 2 } else { tail };
            (kept, line)
        }
        Map::None | Map::Marks(_) => {
            let kept = bytes.iter().enumerate().filter(|(_, b)| is_char(b)).nth(first_char).map_or(tail, |(at, _)| at);
            let longer = |line: usize, one: &[u8]| {
                let chars = || one.iter().filter(|b| is_char(b)).count();
                if one.len() > line { line.max(chars()) } else { line }
            };
            (kept, lines(bytes).fold(0, longer))
        }
    };
    let line = line.clamp(4, LINE_MAX);
    let before = bytes.get(..kept).unwrap_or_default();
    let column = memchr::memrchr(b'\n', before).map_or(before.len(), |n| before.len() - n - 1);
    let mut writer =
        Writer { segments: vec![Segment::Copy(body.start..body.start + kept)], pieces: Vec::new(), column, line };
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
struct Writer {
    segments: Vec<Segment>,
    /// Not yet encoded: less than a group, or with tokens.
    pieces: Vec<Piece>,
    column: usize,
    line: usize,
}

impl Writer {
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
            self.column = write(groups, self.column, self.line, &mut literal);
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
pub(super) fn write(plain: &[u8], column: usize, line: usize, out: &mut Vec<u8>) -> usize {
    let (chars, line) = (plain.len().div_ceil(3) * 4, line.max(1));
    let first = chars.min(line.saturating_sub(column));
    let breaks = (chars - first).div_ceil(line) * 2;
    // Encoded at the end of the room, then moved to its front line by line.
    let (mut to, mut from) = (out.len(), out.len() + breaks);
    out.resize(from + chars, b'=');
    if let Some(room) = out.get_mut(from..) {
        // It fits: the room is as long as the encoding.
        let _ = STANDARD.encode_slice(plain, room);
    }
    out.copy_within(from..from + first, to);
    (to, from) = (to + first, from + first);
    while from < out.len() {
        let len = line.min(out.len() - from);
        if let Some(end) = out.get_mut(to..to + 2) {
            end.copy_from_slice(b"\r\n");
        }
        out.copy_within(from..from + len, to + 2);
        (to, from) = (to + 2 + len, from + len);
    }
    column_behind(chars, column, line)
}

fn column_behind(chars: usize, column: usize, line: usize) -> usize {
    match chars.checked_sub(line.saturating_sub(column)) {
        None | Some(0) => column + chars,
        Some(rest) => (rest - 1) % line.max(1) + 1,
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body)
        .chain([body.len()])
        .map(move |end| &body[std::mem::replace(&mut start, (end + 1).min(body.len()))..end])
}
