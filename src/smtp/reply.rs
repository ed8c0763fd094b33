//! What a server says.

use crate::domain::EnhancedCode;

/// A reply (RFC 5321 section 4.2) with its enhanced code (RFC 2034) on every line, where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    lines: Vec<String>,
}

impl Reply {
    /// One line with an enhanced code.
    pub fn new(code: u16, (class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Self {
        Self { code, enhanced: Some(EnhancedCode(class, subject, detail)), lines: vec![text.into()] }
    }

    /// Lines without an enhanced code: greeting, EHLO, AUTH challenges (RFC 2034 section 4).
    pub fn plain(code: u16, lines: Vec<String>) -> Self {
        Self { code, enhanced: None, lines }
    }

    /// The code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// 2xx or 3xx.
    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Appends its bytes. Control characters in a text become blanks: a text may quote what a peer sent.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (at, line) in self.lines.iter().enumerate() {
            out.extend(self.code.to_string().as_bytes());
            out.push(if at == last { b' ' } else { b'-' });
            if let Some(enhanced) = self.enhanced {
                out.extend(format!("{enhanced} ").as_bytes());
            }
            out.extend(line.bytes().map(|b| if b < 0x20 || b == 0x7f { b' ' } else { b }));
            out.extend(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_their_codes_and_no_control_characters() {
        let mut out = Vec::new();
        Reply::new(550, (5, 1, 1), "no\r\n250 x").write(&mut out);
        Reply::plain(250, vec!["a".to_owned(), "SIZE 9".to_owned()]).write(&mut out);
        assert_eq!(out, b"550 5.1.1 no  250 x\r\n250-a\r\n250 SIZE 9\r\n");
    }
}
