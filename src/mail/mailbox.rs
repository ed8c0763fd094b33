//! The messages of a file: one, or several as an mbox (RFC 4155).

use std::io::{BufRead, Read, Result};

/// A longer line is read in pieces, in octets.
const PIECE: u64 = 64 << 10;

/// Reads one message after the other, at most `max` octets of each.
pub struct Mailbox<R> {
    reader: R,
    max: usize,
    is_mbox: bool,
    begun: bool,
    ended: bool,
}

impl<R: BufRead> Mailbox<R> {
    /// From its first octet.
    pub const fn new(reader: R, max: usize) -> Self {
        Self { reader, max, is_mbox: false, begun: false, ended: false }
    }

    /// Whether several may follow one another.
    pub const fn is_mbox(&self) -> bool {
        self.is_mbox
    }

    /// A line, or a piece of a long one; empty at the end.
    fn piece(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::new();
        (&mut self.reader).take(PIECE).read_until(b'\n', &mut piece)?;
        Ok(piece)
    }

    /// The next message; `None` when it is too large.
    fn message(&mut self) -> Result<Option<Vec<u8>>> {
        let mut message = Some(Vec::new());
        let (mut starts, mut after_blank) = (true, true);
        loop {
            let piece = self.piece()?;
            if piece.is_empty() {
                self.ended = true;
                return Ok(message);
            }
            let first = !std::mem::replace(&mut self.begun, true);
            if starts && after_blank && (first || self.is_mbox) && is_separator(&piece) {
                self.is_mbox = true;
                if first {
                    continue;
                }
                return Ok(message);
            }
            let line = if starts && self.is_mbox { unquoted(&piece) } else { &piece };
            message = message.filter(|read| read.len() + line.len() <= self.max);
            if let Some(read) = &mut message {
                read.extend_from_slice(line);
            }
            after_blank = starts && matches!(&piece[..], b"\n" | b"\r\n");
            starts = piece.ends_with(b"\n");
        }
    }
}

impl<R: BufRead> Iterator for Mailbox<R> {
    type Item = Result<Option<Vec<u8>>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let message = self.message();
        self.ended |= message.is_err();
        Some(message)
    }
}

/// `From SENDER Mon Nov 23 21:04:05 2026`. A mail server that hands a mail to a command writes such a line too but does not
/// quote the lines of the text that begin alike, so the time of day is looked for.
fn is_separator(line: &[u8]) -> bool {
    let is_time = |word: &[u8]| {
        let word = word.split(|b| *b == b':').collect::<Vec<_>>();
        word.len() >= 2 && word.iter().all(|part| part.len() == 2 && part.iter().all(u8::is_ascii_digit))
    };
    let words: Vec<_> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(12).collect();
    line.starts_with(b"From ") && words.len() >= 6 && words.iter().any(|word| is_time(word))
}

/// Without one of the marks before a quoted `From `.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|b| **b == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "From feedback@b.example Mon Nov 23 21:04:05 2026\n";

    fn read(text: &str, max: usize) -> Vec<Option<String>> {
        let messages = Mailbox::new(text.as_bytes(), max);
        messages.map(|one| one.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())).collect()
    }

    #[test]
    fn a_file_is_one_message_or_an_mbox() {
        let one = "Subject: x\n\nFrom here on\n>From\n";
        assert_eq!(read(one, 100), [Some(one.to_owned())]);
        assert_eq!(read("", 100), [Some(String::new())]);
        let two = format!("{FROM}A: b\n\n>From me\n>>From you\n> From\n\n{FROM}C: d\r\n\r\n{FROM}");
        assert_eq!(
            read(&two, 100),
            ["A: b\n\nFrom me\n>From you\n> From\n\n", "C: d\r\n\r\n", ""].map(|s| Some(s.to_owned()))
        );
        // As a mail server hands it over.
        assert_eq!(
            read(&format!("{FROM}{one}"), 100),
            [Some("Subject: x\n\nFrom here on\nFrom\n".replace("\nFrom\n", "\n>From\n"))]
        );
    }

    #[test]
    fn what_is_too_large_is_left_out_and_the_next_is_read() {
        let long = "x".repeat(200_000);
        let text = format!("{FROM}A: {long}\n\n{FROM}C: d\n");
        assert_eq!(read(&text, 1_000), [None, Some("C: d\n".to_owned())]);
        assert_eq!(read(&text, 300_000)[0].as_ref().map(String::len), Some(200_005));
    }
}
