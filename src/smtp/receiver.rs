//! The bytes of a message: those between `354` and the final dot, or those of BDAT chunks.
//!
//! Only `CRLF . CRLF` (or `. CRLF` right at the start) ends the message; nothing else ever does (RFC 5321 section 2.3.8).
//! A bare LF becomes CRLF, once, here; a bare CR or a NUL spoils the message. Leading dots are unstuffed (section 4.5.2).
//! Chunks (RFC 3030) are counted by the command, so in them a dot is a dot.

/// What spoils a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A CR without LF.
    BareCr,
    /// A NUL octet.
    Nul,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Right behind a CRLF, or at the very start.
    LineStart,
    /// A dot at the start of a line.
    Dot,
    /// A dot and a CR at the start of a line.
    DotCr,
    /// Within a line; also behind a bare LF, where a dot means nothing.
    Line,
    /// A CR.
    Cr,
}

/// Reads one message.
#[derive(Debug, Clone)]
pub struct Receiver {
    state: State,
    chunked: bool,
    fault: Option<Fault>,
    eight_bit: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { state: State::LineStart, chunked: false, fault: None, eight_bit: false }
    }
}

impl Receiver {
    /// Reads chunks: nothing in them ends the message, and no dot was stuffed.
    pub fn chunked() -> Self {
        Self { state: State::Line, chunked: true, ..Self::default() }
    }

    /// Takes bytes; what belongs to the message is appended to `out`. `Some(n)` when the message ended with the n-th of
    /// these bytes.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Line {
                let rest = &bytes[at..];
                let plain = memchr::memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
                self.take(&rest[..plain], out);
                at += plain;
                if at == bytes.len() {
                    break;
                }
            }
            if self.step(bytes[at], out) {
                return Some(at + 1);
            }
            at += 1;
        }
        None
    }

    /// Takes one byte; `true` when it ends the message.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        self.state = match (self.state, byte) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => return true,
            (State::Cr, b'\n') => {
                out.extend(b"\r\n");
                if self.chunked { State::Line } else { State::LineStart }
            }
            (State::DotCr | State::Cr, _) => {
                self.spoil(Fault::BareCr);
                self.inside(byte, out)
            }
            (State::LineStart | State::Dot | State::Line, _) => self.inside(byte, out),
        };
        false
    }

    fn inside(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            b'\r' => State::Cr,
            b'\n' => {
                out.extend(b"\r\n");
                State::Line
            }
            _ => {
                self.take(&[byte], out);
                State::Line
            }
        }
    }

    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.contains(&0) {
            self.spoil(Fault::Nul);
        }
        self.eight_bit |= !bytes.is_ascii();
        out.extend(bytes);
    }

    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// What spoiled the message, if anything did; a CR that nothing followed is a bare one.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.or((self.state == State::Cr).then_some(Fault::BareCr))
    }

    /// Whether an octet above 127 was seen.
    pub fn eight_bit(&self) -> bool {
        self.eight_bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All of it in one piece: (message, octets used, fault).
    fn read(bytes: &[u8]) -> (Vec<u8>, Option<usize>, Option<Fault>) {
        let (mut receiver, mut out) = (Receiver::default(), Vec::new());
        let end = receiver.push(bytes, &mut out);
        (out, end, receiver.fault())
    }

    /// In two pieces, at every border.
    fn read_split(bytes: &[u8], at: usize) -> (Vec<u8>, Option<usize>, Option<Fault>) {
        let (mut receiver, mut out) = (Receiver::default(), Vec::new());
        let end = receiver.push(&bytes[..at], &mut out);
        let end = end.or_else(|| receiver.push(&bytes[at..], &mut out).map(|n| n + at));
        (out, end, receiver.fault())
    }

    #[test]
    fn only_the_true_end_ends() {
        for (bytes, message, ended) in [
            (&b".\r\n"[..], &b""[..], true),
            (b"a\r\n.\r\n", b"a\r\n", true),
            (b"a\n.\n", b"a\r\n.\r\n", false),
            (b"a\n.\r\n", b"a\r\n.\r\n", false),
            (b"a\r\n.\n", b"a\r\n\r\n", false),
            (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n", true),
            (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", true),
            (b"a\n..b\r\n.\r\n", b"a\r\n..b\r\n", true),
            (b"\n.\r\n.\r\n", b"\r\n.\r\n", true),
        ] {
            let expected = (message.to_vec(), ended.then_some(bytes.len()), None);
            assert_eq!(read(bytes), expected, "{}", bytes.escape_ascii());
            for at in 0..=bytes.len() {
                assert_eq!(read_split(bytes, at), expected, "{} at {at}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn bare_cr_and_nul_spoil_and_never_end() {
        for bytes in [&b"a\r.\r"[..], b"a\r\r\n.\r\r\n", b"a\r\n.\rb", b"a\rb\r\n", b"\r.\r\n"] {
            let (_, end, fault) = read(bytes);
            assert_eq!((end, fault), (None, Some(Fault::BareCr)), "{}", bytes.escape_ascii());
        }
        assert_eq!(read(b"a\0b\r\n.\r\n"), (b"a\0b\r\n".to_vec(), Some(8), Some(Fault::Nul)));
        assert_eq!(read(b"a\r\n.\0\r\n").1, None);
        assert_eq!(read(b"a\r\n\0.\r\n").1, None);
    }

    #[test]
    fn what_follows_the_end_is_left() {
        assert_eq!(read(b"a\r\n.\r\nQUIT\r\n").1, Some(6));
    }

    #[test]
    fn in_chunks_a_dot_is_a_dot_and_a_line_end_may_be_torn() {
        let read = |pieces: &[&[u8]]| {
            let (mut receiver, mut out) = (Receiver::chunked(), Vec::new());
            assert!(pieces.iter().all(|piece| receiver.push(piece, &mut out).is_none()));
            (out, receiver.fault())
        };
        assert_eq!(read(&[b".\r\n..a\r\n.\r\n"]), (b".\r\n..a\r\n.\r\n".to_vec(), None));
        assert_eq!(read(&[b"a\r", b"\nb\nc"]), (b"a\r\nb\r\nc".to_vec(), None));
        assert_eq!(read(&[b"a\r", b"b"]).1, Some(Fault::BareCr));
        assert_eq!(read(&[b"a\r"]).1, Some(Fault::BareCr));
    }

    proptest! {
        /// Stuffed and read again, any message of lines comes back, wherever the packets break.
        #[test]
        fn stuffing_comes_undone(lines in proptest::collection::vec("[.a\u{e4} ]{0,5}", 0..8), cut in 0_usize..80) {
            let message: Vec<u8> = lines.iter().flat_map(|l| [l.as_bytes(), b"\r\n"].concat()).collect();
            let mut wire: Vec<u8> = lines
                .iter()
                .flat_map(|l| [if l.starts_with('.') { &b"."[..] } else { b"" }, l.as_bytes(), b"\r\n"].concat())
                .collect();
            wire.extend(b".\r\n");
            let (out, end, fault) = read_split(&wire, cut.min(wire.len()));
            prop_assert_eq!((out, end, fault), (message, Some(wire.len()), None));
        }
    }
}
