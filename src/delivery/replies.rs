//! Bytes to replies (RFC 5321 section 4.2), read with patience: 8-bit text, lines ended by a bare line feed, a bare
//! `250`, second digits above 5, lines with differing codes (the last one counts). Pure, and bounded.

use crate::domain::Reply;

/// Lines of one reply.
const REPLY_LINES_MAX: usize = 100;
/// Octets of one reply.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// A complete reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) reply: Reply,
    /// Without line ends.
    pub(super) lines: Vec<Vec<u8>>,
}

/// Gathers bytes and gives replies.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    /// Not yet a whole line, or not yet asked for.
    inbox: Vec<u8>,
    /// Lines of the reply that is coming in, and their octets.
    lines: Vec<Vec<u8>>,
    octets: usize,
    /// What was no reply stays none, whatever follows.
    broken: Option<&'static str>,
}

impl ReplyReader {
    /// Takes what came in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
    }

    /// Whether nothing is there that was not given out.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.lines.is_empty()
    }

    /// The lines of a reply that never was complete.
    pub(super) fn take_fragment(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.lines)
    }

    /// The next complete reply; `None` when more must come. An error is a clause for people, and the end.
    pub(super) fn next(&mut self) -> Result<Option<Heard>, &'static str> {
        if let Some(why) = self.broken {
            return Err(why);
        }
        let read = self.read();
        self.broken = read.as_ref().err().copied();
        read
    }

    fn read(&mut self) -> Result<Option<Heard>, &'static str> {
        let mut from = 0;
        let mut complete = None;
        while let Some(end) = self.inbox.get(from..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let line = self.inbox.get(from..from + end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            from += end + 1;
            self.octets += end + 1;
            let kind = judge(&line);
            if kind == Kind::Text && self.lines.is_empty() {
                return Err("what it says is no SMTP reply");
            }
            self.lines.push(line);
            if self.octets > REPLY_BYTES_MAX {
                return Err("a reply of more than 64 KiB");
            }
            if kind == Kind::Last {
                complete = Reply::from_lines(self.lines.iter().map(Vec::as_slice));
                break;
            }
            if self.lines.len() >= REPLY_LINES_MAX {
                return Err("a reply of more than 100 lines");
            }
        }
        self.inbox.drain(..from);
        if let Some(reply) = complete {
            self.octets = 0;
            return Ok(Some(Heard { reply, lines: std::mem::take(&mut self.lines) }));
        }
        if self.octets + self.inbox.len() > REPLY_BYTES_MAX {
            return Err("a reply of more than 64 KiB");
        }
        Ok(None)
    }
}

/// What a line is to its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A code, and more lines to come.
    More,
    /// A code, and the end.
    Last,
    /// No code of 200 to 599.
    Text,
}

fn judge(line: &[u8]) -> Kind {
    match line {
        [b'2'..=b'5', b, c, rest @ ..] if b.is_ascii_digit() && c.is_ascii_digit() => {
            if rest.first() == Some(&b'-') {
                Kind::More
            } else {
                Kind::Last
            }
        }
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]]) -> Vec<Result<Heard, &'static str>> {
        let mut reader = ReplyReader::default();
        let mut found = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            loop {
                match reader.next() {
                    Ok(Some(heard)) => found.push(Ok(heard)),
                    Ok(None) => break,
                    Err(why) => {
                        found.push(Err(why));
                        return found;
                    }
                }
            }
            assert!(reader.octets + reader.inbox.len() <= REPLY_BYTES_MAX);
        }
        found
    }

    #[test]
    fn replies_come_one_by_one_whatever_their_line_ends() {
        let found = read(&[b"250-a\r", b"\n250 b\n25", b"0\r\n571 5.7.1 c\r\n4"]);
        let texts: Vec<String> = found.into_iter().map(|f| f.unwrap().reply.to_string()).collect();
        assert_eq!(texts, ["250 a b", "250", "571 5.7.1 c"]);
    }

    #[test]
    fn too_many_lines_or_octets_are_an_end() {
        assert_eq!(read(&[&b"250-a\r\n".repeat(100)]), [Err("a reply of more than 100 lines")]);
        assert_eq!(read(&[&b"x".repeat(65_537)]), [Err("a reply of more than 64 KiB")]);
        assert_eq!(read(&[b"SSH-2.0-x\r\n"]), [Err("what it says is no SMTP reply")]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_cut(
            lines in proptest::collection::vec("(2|4|5|1)[0-9]{2}[ -]?[a-z\\x00-\\xff]{0,9}\r?\n", 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let all = lines.concat().into_bytes();
            let (a, b) = all.split_at(cut.index(all.len() + 1));
            prop_assert_eq!(read(&[&all]), read(&[a, b]));
        }
    }
}
