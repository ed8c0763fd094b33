//! The lines of an attempt, for the page that shows it.

/// The longest transcript, in octets.
pub const TRANSCRIPT_MAX: usize = 16 * 1024;
/// The longest line in it, in characters.
const LINE_MAX: usize = 512;

/// Lines that begin with `C: ` (ours), `S: ` (the server's) or `-- ` (what happened around them).
#[derive(Debug, Default)]
pub(super) struct Transcript {
    text: String,
    cut: bool,
}

impl Transcript {
    /// What we said, without its line end. The caller keeps secrets out.
    pub(super) fn client(&mut self, line: &str) {
        self.line("C: ", line);
    }

    /// A line of the server.
    pub(super) fn server(&mut self, line: &[u8]) {
        self.line("S: ", &String::from_utf8_lossy(line));
    }

    /// What happened.
    pub(super) fn note(&mut self, line: &str) {
        self.line("-- ", line);
    }

    /// The message itself: only its size.
    pub(super) fn message(&mut self, octets: usize) {
        let digits = octets.to_string();
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        self.client(&format!("({grouped} bytes)"));
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, mark: &str, line: &str) {
        if self.cut {
            return;
        }
        let clean: String = line.chars().take(LINE_MAX).map(visible).collect();
        if self.text.len() + mark.len() + clean.len() + 64 > TRANSCRIPT_MAX {
            self.text.push_str("-- the rest is left out\n");
            self.cut = true;
            return;
        }
        self.text.push_str(mark);
        self.text.push_str(clean.trim_end());
        self.text.push('\n');
    }
}

/// Control characters and the marks that turn writing direction become blanks.
fn visible(c: char) -> char {
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_clean_and_bounded() {
        let mut log = Transcript::default();
        log.client("EHLO relay.example.com");
        log.server(b"250 \x1b[31mcaf\xe9\r");
        log.message(12_345);
        log.message(999);
        log.message(1_000_000);
        for _ in 0..1000 {
            log.server(&[b'x'; 4000]);
        }
        let text = log.into_text();
        assert!(text.starts_with(
            "C: EHLO relay.example.com\nS: 250  [31mcaf\u{fffd}\nC: (12,345 bytes)\nC: (999 bytes)\nC: (1,000,000 bytes)\n"
        ));
        assert!(text.len() <= TRANSCRIPT_MAX && text.ends_with("left out\n"));
    }
}
