//! What a server said, and what it means for a delivery.

use std::fmt;

use super::bounce::BounceClass;
use super::timestamp::Timestamp;

/// The longest reply text kept, in octets; a hostile server may send more.
pub const REPLY_TEXT_MAX: usize = 2_000;

/// `class.subject.detail` (RFC 3463 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl EnhancedCode {
    /// Reads it from the front of a reply's text; each number at most three digits, the class 2, 4 or 5.
    pub fn parse_front(text: &str) -> Option<Self> {
        let word = text.split([' ', '\t']).next()?;
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || ![class, subject, detail].iter().all(|p| is_number(p)) {
            return None;
        }
        let class = class.parse().ok().filter(|c| matches!(c, 2 | 4 | 5))?;
        Some(Self(class, subject.parse().ok()?, detail.parse().ok()?))
    }
}

fn is_number(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A server's reply (RFC 5321 section 4.2): code, enhanced code where given, and its text, lines joined by line feeds,
/// cleaned of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status code of its last line that has one.
    pub enhanced: Option<EnhancedCode>,
    /// Without codes.
    pub text: String,
}

impl Reply {
    /// A reply we make up ourselves, for what no server said (a dead name, a time-out).
    pub fn local(code: u16, enhanced: EnhancedCode, text: impl Into<String>) -> Self {
        Self { code, enhanced: Some(enhanced), text: text.into() }
    }

    /// Reads the raw lines of one reply. A line that has no code is text; bytes that are not UTF-8 are replaced.
    /// `None` when no line starts with three digits.
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let (mut code, mut enhanced, mut texts) = (None, None, Vec::new());
        for line in lines {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\r', '\n']);
            let (line_code, rest) = split_code(line);
            code = line_code.or(code);
            let found = EnhancedCode::parse_front(rest);
            enhanced = found.or(enhanced);
            let text = if found.is_some() { rest.split_once([' ', '\t']).map_or("", |(_, t)| t) } else { rest };
            texts.push(clean(text));
        }
        let mut text = texts.join("\n");
        if text.len() > REPLY_TEXT_MAX {
            let cut = (0..=REPLY_TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(cut);
        }
        code.map(|code| Self { code, enhanced, text })
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 5xx. A 4xx code wins over a 5.x.x enhanced code: the basic code is what RFC 5321 acts on.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text.replace('\n', " "))?;
        }
        Ok(())
    }
}

fn split_code(line: &str) -> (Option<u16>, &str) {
    match line.as_bytes() {
        [a, b, c, rest @ ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) && (b'2'..=b'5').contains(a) => {
            let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            let skip = usize::from(matches!(rest.first(), Some(b' ' | b'-')));
            (Some(code), &line[3 + skip..])
        }
        _ => (None, line),
    }
}

/// Control characters (and the marks that turn writing direction) become blanks: replies are shown on pages and in logs.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiving server took responsibility (its 250 after the final dot).
    Delivered(Reply),
    /// To be tried again at `next`.
    Deferred {
        /// What was said.
        reply: Reply,
        /// The kind of failure.
        class: BounceClass,
        /// Decided at the time, so that a replay decides the same.
        next: Timestamp,
    },
    /// Refused for good.
    Bounced {
        /// What was said.
        reply: Reply,
        /// The kind of refusal.
        class: BounceClass,
    },
    /// Tried until its life was over.
    Expired {
        /// What was said last.
        reply: Reply,
        /// The kind of that failure.
        class: BounceClass,
    },
}

impl Outcome {
    /// The reply that says why.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Delivered(reply)
            | Self::Deferred { reply, .. }
            | Self::Bounced { reply, .. }
            | Self::Expired { reply, .. } => reply,
        }
    }

    /// The kind of failure; `None` when there was none.
    pub fn class(&self) -> Option<BounceClass> {
        match self {
            Self::Delivered(_) => None,
            Self::Deferred { class, .. } | Self::Bounced { class, .. } | Self::Expired { class, .. } => Some(*class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Option<Reply> {
        Reply::from_lines(lines.iter().copied())
    }

    #[test]
    fn reads_what_servers_say() {
        let reply = read(&[b"571 5.7.1 caf\xe9 refused\r\n"]).unwrap();
        assert_eq!((reply.code, reply.enhanced), (571, Some(EnhancedCode(5, 7, 1))));
        assert_eq!(reply.text, "caf\u{fffd} refused");
        assert!(reply.is_permanent());
        let two = read(&[b"452-4.2.2 full\r\n", b"452 4.2.2 really\n"]).unwrap();
        assert_eq!(two.text, "full\nreally");
        assert_eq!(read(&[b"250\r\n"]).unwrap().text, "");
        assert_eq!(read(&[b"hello\r\n"]), None);
        assert_eq!(read(&[b"250 1.2.3.4 is my address\r\n"]).unwrap().enhanced, None);
    }

    #[test]
    fn hostile_text_is_cleaned_and_cut() {
        let long = [b"550 ".as_slice(), &[b'x'; 9_000], b"\x1b[31m\0\r\n"].concat();
        let reply = read(&[&long]).unwrap();
        assert_eq!(reply.text.len(), REPLY_TEXT_MAX);
        let marks = read(&["550 a\u{202e}b\x07c\r\n".as_bytes()]).unwrap();
        assert_eq!(marks.text, "a b c");
    }
}
